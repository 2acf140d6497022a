"""Switching a model, or a share of its requests, to another backend, and undoing it."""
