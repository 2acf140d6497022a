"""The result of a scan, as text and as JSON."""
