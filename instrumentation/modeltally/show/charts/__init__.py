"""Charts that the page and the reports share: each is a Vega-Lite spec with its data, a summary in words and a table.

A chart is made of rows of topics by a pure function. What draws it passes a configuration: the page one made of its
style sheet, the reports :data:`modeltally.show.charts.config.LIGHT`.
"""
