"""A settings document: parsed text with the line and column of every key and value."""
