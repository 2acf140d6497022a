"""Middlewares: one behavior around a model in each file."""
