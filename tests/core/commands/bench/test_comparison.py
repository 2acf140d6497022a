"""The comparison of a run with an earlier one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.core.commands.bench.kit import figures, result

from turnout.commands.bench import comparison
from turnout.commands.bench.comparison import RunComparison, compare_runs
from turnout.commands.bench.earlier import read_earlier
from turnout.commands.bench.report.content import report_content, result_content
from turnout.commands.bench.result import BenchResult
from turnout.errors import InvalidInputError

NOISY = (0.4, 1.6, 0.7, 1.3, 2.0, 0.5, 1.0, 1.5, 0.6, 1.2)

Compare = Callable[..., RunComparison]


@pytest.fixture
def compare(tmp_path: Path) -> Compare:
    """Return a function that compares a result with an earlier one, through its file."""

    def run(now: BenchResult, before: BenchResult, allowed: float = 0.1, **head: Any) -> RunComparison:
        file = tmp_path / "earlier.json"
        file.write_text(json.dumps(report_content([result_content(before)]) | head))
        return compare_runs([now], read_earlier(file), file, allowed)

    return run


def test_the_same_again_is_no_regression(compare: Compare) -> None:
    compared = compare(result(figures()), result(figures()))

    assert (compared.compared, compared.regressions, compared.notes) == (1, (), ())
    assert compared.summary().endswith("earlier.json, 1 measurement: nothing is worse by more than 10 %")


def test_a_regression_that_is_planted_is_found(compare: Compare) -> None:
    compared = compare(result(figures(per_second=80.0)), result(figures()))

    assert compared.regressions == (
        "m on onnx at 8 callers: 80 requests/s, 100 before (0.8 x)",
        "m on onnx at 8 callers: 100 ms p50, 80 before (1.25 x)",
        "m on onnx at 8 callers: 100 ms p95, 80 before (1.25 x)",
    )
    assert compared.summary().endswith("3 figures are worse by more than 10 %")


@pytest.mark.parametrize(("allowed", "regressions"), [(0.1, 3), (0.3, 0)])
def test_the_bound_is_the_users(compare: Compare, allowed: float, regressions: int) -> None:
    assert len(compare(result(figures(per_second=80.0)), result(figures()), allowed).regressions) == regressions


def test_faster_is_no_regression(compare: Compare) -> None:
    assert not compare(result(figures(per_second=300.0)), result(figures())).regressions


def test_what_noise_may_explain_is_a_note(compare: Compare) -> None:
    compared = compare(result(figures(per_second=85.0, noise=NOISY)), result(figures(noise=NOISY)))

    assert not compared.regressions
    assert "within the noise of the rounds; measure longer to know" in compared.notes[0]


def test_a_slow_tail_is_a_regression_though_the_median_is_the_same(compare: Compare) -> None:
    before = figures()
    slow = [{**one, "p95": 3 * (one["p95"] or 0.0)} for one in before.rounds]

    compared = compare(result(figures(rounds=slow)), result(before))

    assert len(compared.regressions) == 1
    assert "ms p95" in compared.regressions[0]


def test_at_a_rate_only_latencies_are_compared(compare: Compare) -> None:
    before = figures(callers=None, rate=100.0, latency=0.01)
    now = figures(callers=None, rate=100.0, per_second=50.0, latency=0.02)

    compared = compare(result(now), result(before))

    assert [one.split(": ")[1].split(",")[0] for one in compared.regressions] == ["20 ms p50", "20 ms p95"]


def test_new_failures_are_a_regression(compare: Compare) -> None:
    failing = figures(failed={"InferenceError": 3}, said={"InferenceError": "x"})

    assert compare(result(failing), result(figures())).regressions == (
        "m on onnx at 8 callers: 3 of 1000 requests failed, none did before",
    )
    assert not compare(result(failing), result(failing)).regressions


@pytest.mark.parametrize(
    "other",
    [
        {"backend": "direct"},
        {"batching": True},
        {"callers": 4},
        {"callers": None, "rate": 5.0},
        {"batch": 4},
        {"instances": 2},
        {"delay": 0},
    ],
)
def test_only_like_is_compared_with_like(compare: Compare, other: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="no measurement of the same model, backend, batch and load"):
        compare(result(figures(per_second=10.0)), result(figures(**other)))


def test_what_was_not_repeated_is_a_note(compare: Compare) -> None:
    compared = compare(result(figures()), result(figures(), figures(callers=32)))

    assert compared.notes == ("1 of 2 earlier measurements were not repeated",)


def test_another_machine_and_other_packages_and_requests_are_named(compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "describe_machine", lambda: {"cores": 2, "system": "Linux"})
    monkeypatch.setattr(comparison, "package_versions", lambda: {"numpy": "2.0"})

    compared = compare(
        result(figures(), source="examples"),
        result(figures()),
        machine={"cores": 8, "system": "Linux"},
        packages={"numpy": "1.26", "torch": "2.1"},
    )

    assert compared.notes == (
        "another machine: cores was 8, is 2",
        "another package: numpy was 1.26, is 2.0",
        "another package: torch was 2.1, is none",
        "other requests for m: examples; before: recorded in recordings/m",
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "Expecting value"),
        ("[]", "it: Input should be"),
        ("{}", "format: Field required"),
        ('{"format": 2}', "format: Input should be 1"),
        ('{"format": 1, "format": 1}', "the key 'format' is there twice"),
        ('{"format": 1, "measured_at": "", "machine": {}, "packages": {}, "measured": 3}', "measured: Input should be"),
        (
            '{"format": 1, "measured_at": "", "machine": {}, "packages": {}, "measured": [{"results": [{"backend": 3}]}]}',
            "measured.0.results.0.backend: ",
        ),
        ("[" * 100, "nested deeper"),
    ],
)
def test_another_file_is_refused_with_its_reason(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(content)

    with pytest.raises(InvalidInputError, match=r"is no report of turnout bench --json, format 1: ") as raised:
        read_earlier(file)

    assert words in str(raised.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="No such file"):
        read_earlier(tmp_path / "x.json")


def test_keys_of_a_later_version_are_ignored(compare: Compare) -> None:
    assert compare(result(figures()), result(figures()), later=True).compared == 1


def test_an_earlier_model_that_failed_has_nothing_to_compare(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(json.dumps(report_content([{"model": "m", "error": "broken"}])))

    with pytest.raises(InvalidInputError, match="nothing can be compared"):
        compare_runs([result(figures())], read_earlier(file), file, 0.1)
