"""Export of ``generate()`` as one graph."""
