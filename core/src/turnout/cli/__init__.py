"""The command line: one command a file, each parses, calls one function, prints."""

from __future__ import annotations

from turnout.cli.group import main

__all__ = ["main"]
