"""Writing ``generate()`` as one graph."""
