"""Triton's model repository: config.pbtxt is generated, compared and read."""
