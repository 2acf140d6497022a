from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def bench(cli: Any, backends_file: Path) -> Any:
    """Return ``turnout bench m`` in a folder with a turnout.yaml."""
    return lambda *arguments: cli("bench", "m", "--seconds", "0.1", *arguments)


def test_a_table_has_a_line_for_each_backend_and_number_of_callers(bench: Any) -> None:
    ended = bench("--against", "kept", "--callers", "1", "--callers", "2")

    assert ended.code == 0
    title, columns, *rows = ended.out.splitlines()
    assert title == "m on plus, 4 different requests: generated from its signature"
    assert columns.split()[:4] == ["backend", "callers", "requests", "failed"]
    assert [row.split()[:2] for row in rows] == [["plus", "1"], ["kept", "1"], ["plus", "2"], ["kept", "2"]]
    assert {row.split()[3] for row in rows} == {"0"}
    assert ended.err == ""


def test_recorded_requests_are_sent(bench: Any) -> None:
    folder = Path("recordings/m")
    folder.mkdir(parents=True)
    np.savez(folder / "1.npz", x=np.ones((1, 3), np.float32))

    assert bench().out.startswith("m on plus, 1 different request: recorded in recordings/m\n")


def test_json_has_the_figures_and_nothing_else_on_stdout(bench: Any) -> None:
    output = json.loads(bench("--generate", "2", "--json").out)

    assert (output["model"], output["requests"]) == ("m", 2)
    assert output["results"][0]["latency_seconds"]["p50"] > 0


def test_requests_that_fail_are_printed_and_end_with_1(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = iter(range(1_000_000))

    def sometimes(array: np.ndarray) -> np.ndarray:
        if next(numbers) % 5 == 4:
            raise ValueError("every fifth")
        return array

    monkeypatch.setattr("turnout.testing.fakes._plus_one", sometimes)
    ended = bench()

    assert ended.code == 1
    assert "FAIL " in ended.out
    assert "every fifth" in ended.out
    assert ended.err.endswith("next: turnout verify m\n")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--against", "away"), 3, "connection refused at port 1"),
        (("--against", "lost"), 2, "cannot be opened on backend 'lost'"),
        (("--against", "plus"), 2, "cannot be compared with itself"),
        (("--callers", "0"), 2, "is not in the range"),
        (("--seconds", "nan"), 2, "nan is not a finite number of seconds"),
        (("--timeout", "inf"), 2, "inf is not a finite number of seconds"),
        (("--shape", "y=3"), 1, "model 'm' has no input 'y'; it has: x"),
        (("--shape", "x=3", "--recording", "nowhere"), 2, "--shape gives the sizes of generated requests"),
        (("--generate", "1", "--inputs", "x"), 2, "give one of --recording, --inputs and --generate"),
        (("--recording", "nowhere"), 1, "folder 'nowhere' has no records"),
    ],
)
def test_a_measurement_that_is_not_possible_says_why(bench: Any, arguments: tuple[str, ...], code: int, words: str) -> None:
    ended = bench(*arguments)

    assert ended.code == code
    assert words in ended.err
    assert bench().code == 0
