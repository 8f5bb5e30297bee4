"""Charts: Vega-Lite specifications made of rows, drawn by the page's script and by the report's renderer."""
