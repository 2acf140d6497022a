"""The command line: one command in each module; a command parses, calls one function and prints."""

from __future__ import annotations

from turnout.cli.group import main

__all__ = ["main"]
