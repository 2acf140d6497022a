"""Editing turnout.yaml in place, with comments and formatting kept."""
