"""The steps, one per module."""
