"""Find the models that an app loads and calls by itself."""
