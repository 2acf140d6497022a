"""Vectors: what a model's features become, and how similar two are."""
