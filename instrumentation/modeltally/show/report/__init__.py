"""Reports: the same figures as JSON, CSV, Markdown, HTML and PDF."""
