"""Reports of a run: tables, Markdown, JSON, a chart."""
