"""Atomic writes, locks between processes, and a watch on a file."""
