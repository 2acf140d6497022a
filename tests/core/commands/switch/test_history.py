from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from turnout.commands.switch.history import KEPT, RecordedSwitch, former_backends, read_history, write_history
from turnout.commands.switch.traffic import Traffic


def switches(*backends: str) -> tuple[RecordedSwitch, ...]:
    """Return the switches along ``backends``."""
    states = [Traffic({"backend": backend}, backend, f"  m: {{backend: {backend}}}\n") for backend in backends]
    return tuple(RecordedSwitch("2026-01-01T00:00:00+00:00", before, after) for before, after in pairwise(states))


def test_the_newest_switches_are_read_as_they_were_written(tmp_path: Path) -> None:
    history = switches(*("ab" * KEPT))

    write_history(tmp_path, "m", history)

    assert read_history(tmp_path, "m") == history[-KEPT:]
    assert (tmp_path / ".turnout" / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("content", ["", "{}", '{"format": 2, "switches": []}', '{"format": 1, "switches": [{"at": 1}]}'])
def test_a_record_that_cannot_be_read_is_none(tmp_path: Path, content: str) -> None:
    write_history(tmp_path, "m", switches("a", "b"))
    (tmp_path / ".turnout" / "m.switch.json").write_text(content)

    assert read_history(tmp_path, "m") == ()


@pytest.mark.parametrize(
    "keys",
    ['{"backends": {"direct": {"loader": "factory", "factory": "os:abort"}}}', '{"backend": "a", "preload": true}', "[]"],
)
def test_a_record_with_another_key_than_a_switch_changes_is_none(tmp_path: Path, keys: str) -> None:
    before = f'{{"keys": {keys}, "backend": "a", "lines": "m: {{}}"}}'
    (tmp_path / ".turnout").mkdir()
    (tmp_path / ".turnout" / "m.switch.json").write_text(
        f'{{"format": 1, "switches": [{{"at": "", "before": {before}, "after": {before}}}]}}'
    )

    assert read_history(tmp_path, "m") == ()


@pytest.mark.parametrize(
    ("path", "present", "former"),
    [
        ("", "a", ""),
        ("ab", "b", "a"),
        ("abc", "c", "ab"),
        ("aba", "a", ""),  # a step back to a does not make b a backend to go back to
        ("abcb", "b", "a"),
        ("abab", "b", "a"),
        ("ab", "c", "ab"),  # edited by hand since
    ],
)
def test_a_rollback_goes_to_a_backend_that_served_before(path: str, present: str, former: str) -> None:
    assert former_backends(switches(*path), present) == frozenset(former)
