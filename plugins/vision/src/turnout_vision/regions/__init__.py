"""Regions of a picture: boxes, their crops, masks and results."""
