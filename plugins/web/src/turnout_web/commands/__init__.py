"""The command ``turnout serve``: it parses, calls one function, prints."""
