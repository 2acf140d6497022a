from __future__ import annotations

import importlib.util
import json
import time
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
    assert columns.split()[:5] == ["backend", "batching", "callers", "requests", "failed"]
    arms = [["plus", "off", "1"], ["kept", "-", "1"], ["plus", "off", "2"], ["plus", "on", "2"], ["kept", "-", "2"]]
    assert [row.split()[:3] for row in rows[:5]] == arms
    assert {row.split()[4] for row in rows[:5]} == {"0"}
    assert rows[5] == "where the time goes, in ms of an answer:"
    assert [row.split()[:3] for row in rows[7:12]] == arms
    assert rows[12].startswith("verdict on plus: ")
    assert rows[13].startswith("recommended: ")
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
    ended = bench("--batching", "written")

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
        (("--batch", "5"), 2, "takes 4 rows at most in a request (max_batch_size, turnout.yaml:2), not 5"),
        (("--batch", "0"), 2, "is not in the range"),
        (("--instances", "2"), 2, "backend 'plus' has no option 'instance_group'"),
        (("--delay", "-1"), 2, "is not in the range"),
        (("--delay", "5", "--against", "kept"), 2, "because the backend merges them itself"),
        (("--batching", "maybe"), 2, "'maybe' is not one of 'compare', 'written'"),
        (("--allow", "10%"), 2, "--allow is the bound of a comparison; give --compare FILE too"),
        (("--compare", "nowhere.json"), 1, "'nowhere.json' is no report of turnout bench --json, format 1: No such file"),
        (("--compare", "turnout.yaml"), 1, "'turnout.yaml' is no report of turnout bench --json, format 1: Expecting value"),
        (("--compare", "turnout.yaml", "--allow", "x%"), 2, "write a share such as 10% or 0.1, got 'x%'"),
        (("--compare", "turnout.yaml", "--allow", "0"), 2, "write a share such as 10% or 0.1, got '0'"),
        (("--plot", "a.gif"), 2, "--plot 'a.gif' must end with .svg or .png"),
        (("--plot", "nowhere/a.svg"), 2, "folder 'nowhere' does not exist"),
        (("--markdown", "--json"), 2, "give one of --json and --markdown"),
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
    _, _, one, two, three, *_ = bench("--concurrency", "1,2", "--callers", "3", "--batching", "written").out.splitlines()

    assert [row.split()[1] for row in (one, two, three)] == ["1", "2", "3"]


def test_a_rate_has_its_column_and_no_callers(bench: Any) -> None:
    _, columns, row, *_ = bench("--rate", "200", "--batching", "written").out.splitlines()

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
    arguments = ("bench", "m", "--requests", "10", "--concurrency", "1,2,4", "--batching", "written")
    text = cli(*arguments)
    rounds = iter(range(100))
    exact = cli(*arguments, "--json")

    assert text.code == exact.code == 130
    assert [row.split()[1] for row in text.out.splitlines()[2:4]] == ["1", "2"]
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


def test_markdown_is_all_of_stdout(bench: Any) -> None:
    ended = bench("--markdown", "--concurrency", "2")

    assert ended.code == 0
    assert ended.out.startswith("## m\n\nm on plus, ")
    assert "\n| backend | batching | callers | requests |" in ended.out
    assert ended.err == ""


def test_a_later_run_is_compared_with_an_earlier_one(bench: Any) -> None:
    Path("earlier.json").write_text(bench("--json", "--concurrency", "2", "--requests", "50").out)

    ended = bench("--compare", "earlier.json", "--allow", "1000%", "--concurrency", "2", "--requests", "50")
    exact = bench("--compare", "earlier.json", "--allow", "10", "--concurrency", "2", "--requests", "50", "--json")

    assert ended.code == exact.code == 0
    assert "compared with earlier.json, 2 measurements: nothing is worse by more than 1000 %\n" in ended.out
    assert json.loads(exact.out)["comparison"]["compared"] == 2


@pytest.mark.clock
def test_a_planted_regression_ends_with_1(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("--concurrency", "2", "--requests", "60", "--batching", "written")
    Path("earlier.json").write_text(bench("--json", *arguments).out)

    def slower(array: np.ndarray) -> np.ndarray:
        time.sleep(0.02)
        return array + 1

    monkeypatch.setattr("turnout.testing.fakes._plus_one", slower)
    ended = bench("--compare", "earlier.json", *arguments)
    exact = bench("--compare", "earlier.json", *arguments, "--json")

    assert ended.code == exact.code == 1
    assert "FAIL m on plus at 2 callers: " in ended.out
    assert " are worse by more than 10 %\n" in ended.out
    assert ended.err.endswith("next: measure again, and look at what changed since\n")
    assert len(json.loads(exact.out)["comparison"]["regressions"]) >= 2
    assert json.loads(exact.out)["exit_code"] == 1


def test_what_is_recommended_is_written(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from turnout.commands.bench.recommendation import Recommendation

    recommended = Recommendation("dynamic_batching: {}: 3.1 x at 8 callers", True)
    monkeypatch.setattr("turnout.commands.bench.command.recommend", lambda _: recommended)

    ended = bench("--write", "--requests", "5")

    assert ended.code == 0
    assert "\n    dynamic_batching: {}\n" in Path("turnout.yaml").read_text()
    assert ended.out.endswith("recommended: dynamic_batching: {}: 3.1 x at 8 callers\n")
    assert "wrote: +    dynamic_batching: {}\n" in ended.err
    assert "compare again: turnout verify m\n" in ended.err


def test_without_a_clear_gain_nothing_is_written(bench: Any) -> None:
    before = Path("turnout.yaml").read_text()

    ended = bench("--write", "--requests", "5", "--concurrency", "1", "--json")

    assert Path("turnout.yaml").read_text() == before
    assert ended.err == "note: nothing was written for m: no other setting is clearly faster\n"
    assert json.loads(ended.out)["measured"][0]["written"] is None


def test_settings_of_a_pipeline_are_not_written(cli: Any, settings_file: Path) -> None:
    ended = cli("bench", "describe", "--write")

    assert ended.code == 2
    assert "unknown model 'describe'; known: first, second" in ended.err


def test_a_chart_is_drawn(bench: Any) -> None:
    pytest.importorskip("matplotlib", reason="the extra 'plot' is not installed")

    ended = bench("--plot", "a.svg", "--requests", "5")

    assert (ended.code, ended.err) == (0, "note: drew a.svg\n")
    assert Path("a.svg").read_text().startswith("<?xml")


def test_a_missing_matplotlib_is_one_error_before_anything_is_measured(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "matplotlib" else find(name, *more))

    ended = bench("--plot", "a.svg")

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: --plot needs matplotlib, which is not installed; install it: pip install matplotlib")


def test_a_pipe_gets_no_progress(bench: Any) -> None:
    assert bench("--duration", "1.5", "--concurrency", "1").err == ""
