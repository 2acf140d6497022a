"""Edits of turnout.yaml in place; comments and formatting stay."""
