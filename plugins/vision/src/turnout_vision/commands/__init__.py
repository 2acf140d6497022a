"""The commands that this plugin adds to ``turnout``: each parses, calls one function, prints."""
