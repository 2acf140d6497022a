"""Heads: how the outputs of each family of detectors describe boxes."""
