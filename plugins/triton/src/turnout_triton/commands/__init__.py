"""The commands ``turnout triton ...``: each parses, calls one function, prints."""
