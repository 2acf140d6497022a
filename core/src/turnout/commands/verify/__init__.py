"""Parity of the answers of a model's backends."""
