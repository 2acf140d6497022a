"""Standard output and standard error of a command."""

from __future__ import annotations

import io
import sys

import click
import pytest

from turnout.cli.guarded_streams import guarded_streams
from turnout.hidden_values import hide_value

HOSTILE = "a\x1b[2J\x1b]0;t\x07\x00\u202e\ud800\u2028\x9b\rb"
ESCAPED = "a\\x1b[2J\\x1b]0;t\\x07\\x00\\u202e\\ud800\\u2028\\x9b\\rb"


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def _open(monkeypatch: pytest.MonkeyPatch) -> tuple[Terminal, Terminal]:
    """Make terminals of the streams; in the test itself, because pytest has its own streams again after a fixture."""
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    out, err = Terminal(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    return out, err


def test_a_text_of_a_plugin_or_a_library_cannot_drive_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = _open(monkeypatch)

    with guarded_streams():
        click.echo(HOSTILE)
        sys.stderr.writelines([HOSTILE, "\n\tkept\n"])

    assert streams[0].getvalue() == f"{ESCAPED}\n"
    assert streams[1].getvalue() == f"{ESCAPED}\n\tkept\n"


def test_colors_reach_a_terminal_and_nothing_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = _open(monkeypatch)

    with guarded_streams():
        click.secho("red", fg="red")

    assert streams[0].getvalue() == "\x1b[31mred\x1b[0m\n"


def test_values_are_hidden_on_stderr_and_results_stay_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = _open(monkeypatch)

    hide_value("a result", "${NAME}")

    with guarded_streams():
        print("a result")
        print("a result at http://u:p@h", file=sys.stderr)

    assert [stream.getvalue() for stream in streams] == ["a result\n", "${NAME} at http://***@h\n"]


def test_what_the_encoding_of_a_stream_lacks_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = _open(monkeypatch)
    monkeypatch.setattr(Terminal, "encoding", "ascii")

    with guarded_streams():
        sys.stdout.write("日本 é\n")

    assert streams[0].getvalue() == "\\u65e5\\u672c \\xe9\n"


def test_the_streams_are_restored_and_a_closed_one_stays_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = _open(monkeypatch)
    monkeypatch.setattr(sys, "stdout", None)

    with guarded_streams():
        assert sys.stdout is None

    assert sys.stderr is streams[1]
