"""A model repository of Triton's: config.pbtxt written, checked and read."""
