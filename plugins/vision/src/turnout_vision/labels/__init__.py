"""Labels: the names of a model's classes, and the best of them by their scores."""
