"""Compatibility of architectures of transformers: each one on each backend, by running it."""
