"""Plugin declarations, the hooks that return them, and the discovery of installed plugins."""
