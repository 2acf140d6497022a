"""The command line: one command in each module; a command parses, calls one function and prints."""

from __future__ import annotations

from typing import NoReturn


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 ok, 1 a check failed, 2 usage or configuration, 3 backend unreachable.

    Without ``arguments`` the process belongs to the command line: its signals and its standard streams are handled first,
    before the imports that take a while.
    """
    if arguments is None:
        from turnout.cli.process import run_process

        run_process()
    from turnout.cli.group import main as run_command_line

    run_command_line(arguments)


__all__ = ["main"]
