"""The command line as the user typed it, for suggestions that can be typed in the same place."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

PROGRAM = "turnout"
_WITH_CONFIG = frozenset(
    {"bench", "check", "export", "health", "init", "models", "record", "run", "status", "switch", "verify"}
)


@dataclass(frozen=True, slots=True)
class Invocation:
    """One command line.

    Attributes:
        program: what the user types for ``turnout``: a path if the shell would find no program, or another one.
        command: the names of the command and of its subcommand, such as ``triton serve``.
        config: the settings file, if the command line names one.
        as_json: the result is printed as JSON.
        arguments: everything after the program.
    """

    program: str = PROGRAM
    command: str = ""
    config: str | None = None
    as_json: bool = False
    arguments: tuple[str, ...] = ()

    def suggest(self, step: str) -> str:
        """Return ``step`` as the user types it here; it is unchanged if it is no command of Turnout's."""
        words = step.split(" ")
        if PROGRAM not in words:
            return step
        # A command may follow variables: TRITON_URL=localhost:8001 turnout check
        place = words.index(PROGRAM)
        if any("=" not in word for word in words[:place]):
            return step
        words[place] = self.program
        takes_config = not _WITH_CONFIG.isdisjoint(words[place + 1 : place + 2])
        if self.config is not None and takes_config and "--config" not in words:
            words += ["--config", shlex.quote(self.config)]
        return " ".join(words)

    def suggest_within(self, text: str, model: str) -> str:
        """Return ``text`` with the ``--config`` of this command line in its commands about ``model``."""
        if self.config is None:
            return text
        option = f"--config {shlex.quote(self.config)}"
        commands = rf"\b{PROGRAM} (?:{'|'.join(sorted(_WITH_CONFIG))}) {re.escape(model)}(?![\w.-])"
        return re.sub(commands, lambda command: f"{command[0]} {option}", text)

    def without(self, option: str) -> str:
        """Return this command line without ``option``; empty if the command line is not known."""
        return shlex.join(["turnout", *(word for word in self.arguments if word != option)]) if self.arguments else ""

    def retype(self, wrong: str, right: str) -> str | None:
        """Return this command line with ``right`` in place of ``wrong``; None if it does not have that word once."""
        if self.arguments.count(wrong) != 1:
            return None
        return shlex.join([right if word == wrong else word for word in ("turnout", *self.arguments)])


def read_invocation(program: str, arguments: Sequence[str]) -> Invocation:
    """Return the command line ``arguments`` of ``program``, which may be wrong: nothing here depends on a command's options."""
    own = list(arguments[: arguments.index("--")] if "--" in arguments else arguments)
    words = [word for word in own if not word.startswith("-")]
    return Invocation(_typed_program(program), words[0] if words else "", _config(own), "--json" in own, tuple(arguments))


def current_invocation() -> Invocation:
    """Return the command line of the command that runs now."""
    context = click.get_current_context(silent=True)
    found = context.find_root().obj if context is not None else None
    return found if isinstance(found, Invocation) else Invocation()


def _typed_program(program: str) -> str:
    path = Path(program)
    if path.name != PROGRAM:
        return PROGRAM
    found = shutil.which(PROGRAM)
    if found is not None and Path(found).absolute() == path.absolute():
        return PROGRAM
    return shlex.quote(program)


def _config(arguments: Sequence[str]) -> str | None:
    config = None
    for position, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if argument in ("-c", "--config"):
            config = next(iter(arguments[position + 1 : position + 2]), config)
        elif name == "--config" and equals:
            config = value
        elif argument.startswith("-c") and not argument.startswith("--") and len(argument) > 2:
            config = argument[2:].removeprefix("=")
    return config
