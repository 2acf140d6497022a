"""Detectors: from the outputs of a model to boxes with scores in pixels of the picture."""
