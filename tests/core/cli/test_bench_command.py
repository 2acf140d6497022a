from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def bench(cli: Any, backends_file: Path) -> Any:
    """Return ``turnout bench m`` in a folder with a turnout.yaml."""
    return lambda *arguments: cli("bench", "m", "--duration", "0.1", *arguments)


def test_a_table_has_a_line_for_each_backend_and_number_of_callers(bench: Any) -> None:
    ended = bench("--against", "kept", "--callers", "1", "--concurrency", "2")

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

    [measured] = output["measured"]
    assert (output["format"], measured["name"], measured["requests"]) == (1, "m", 2)
    assert measured["results"][0]["latency_seconds"]["p50"] > 0


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
        (("--callers", "0"), 2, "0 is not in the range"),
        (("--concurrency", "1,x"), 2, "'x' is not a valid integer"),
        (("--concurrency", "1,,8"), 2, "'' is not a valid integer"),
        (("--rate", "0"), 2, "is not in the range"),
        (("--rate", "nan"), 2, "nan is not a finite number of requests a second"),
        (("--requests", "0"), 2, "is not in the range"),
        (("--set", "x"), 2, "write NAME=VALUE, got 'x'"),
        (("--set", "x=1"), 2, "--set gives inputs of a pipeline, and 'm' is a model"),
        (("nowhere.jpg",), 2, "'nowhere.jpg' does not exist"),
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


def test_a_list_of_numbers_is_measured_in_turn(bench: Any) -> None:
    *_, one, two, three = bench("--concurrency", "1,2", "--callers", "3").out.splitlines()

    assert [row.split()[1] for row in (one, two, three)] == ["1", "2", "3"]


def test_a_rate_has_its_column_and_no_callers(bench: Any) -> None:
    _, columns, row = bench("--rate", "200").out.splitlines()

    assert columns.split()[:3] == ["backend", "rate", "requests"]
    assert row.split()[1] == "200"


def test_without_a_name_every_model_is_measured(cli: Any, settings_file: Path) -> None:
    ended = cli("bench", "--requests", "5", "--json")

    assert [one.get("name", one.get("model")) for one in json.loads(ended.out)["measured"]] == ["first", "second"]


def test_a_pipeline_is_measured_on_the_files_of_a_folder(cli: Any, settings_file: Path) -> None:
    Path("pictures").mkdir()
    for name in ("a.jpg", "b.jpg"):
        Path("pictures", name).write_bytes(b"")

    ended = cli("bench", "describe", "pictures", "--requests", "5", "--concurrency", "2")

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("describe on none, 2 different inputs: 2 files of pictures\n")


def test_an_interruption_prints_what_was_measured_until_then(cli: Any, backends_file: Path, monkeypatch: Any) -> None:
    from turnout.commands.bench import measurement

    run_round, rounds = measurement._run_round, iter(range(100))

    def interrupted(*arguments: Any) -> Any:
        if next(rounds) == 13:
            raise KeyboardInterrupt
        return run_round(*arguments)

    monkeypatch.setattr(measurement, "_run_round", interrupted)
    text = cli("bench", "m", "--requests", "10", "--concurrency", "1,2,4")
    rounds = iter(range(100))
    exact = cli("bench", "m", "--requests", "10", "--concurrency", "1,2,4", "--json")

    assert text.code == exact.code == 130
    assert [row.split()[1] for row in text.out.splitlines()[2:]] == ["1", "2"]
    assert text.err == "interrupted; the figures above are of what was measured until then\n"
    [measured] = json.loads(exact.out)["measured"]
    assert measured["interrupted"] is True
    assert [len(one["rounds"]) for one in measured["results"]] == [10, 3]


def test_an_interruption_before_the_first_figure_prints_none(cli: Any, backends_file: Path, monkeypatch: Any) -> None:
    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("turnout.commands.bench.measurement._run_round", interrupted)
    ended = cli("bench", "m", "--duration", "0.1")

    assert (ended.code, ended.out, ended.err) == (130, "", "interrupted\n")
