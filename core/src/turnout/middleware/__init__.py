"""One behaviour around a model in each file."""
