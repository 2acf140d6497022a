"""Comparing the answers of a model's backends."""
