"""Every command shows examples in its help, and the parser takes them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from turnout.cli.group import turnout


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def examples(command: click.Command) -> list[str]:
    return [line.strip() for line in (command.epilog or "").splitlines() if line.startswith("  turnout ")]


COMMANDS = dict(commands(turnout))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_examples_of_a_command_parse(path: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("model.onnx", "photo.jpg"):
        Path(name).touch()
    Path("pictures").mkdir()
    found = examples(COMMANDS[path])

    assert found
    for line in found:
        words = shlex.split(line.split(" > ", maxsplit=1)[0])
        assert tuple(words[1 : 1 + len(path)]) == path
        COMMANDS[path].make_context(" ".join(path), words[1 + len(path) :])


def test_an_example_with_an_option_that_does_not_exist_fails() -> None:
    with pytest.raises(click.UsageError):
        COMMANDS["check",].make_context("check", ["--deeper"])
