"""docs/reference/compatibility.md is what the results say, and the results are those of the list."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from benchmarks.compatibility import page
from benchmarks.compatibility.campaign import RESULTS, digest_of
from benchmarks.compatibility.listed import ARCHITECTURES

FOUND = json.loads(RESULTS.read_text("utf-8"))


def test_the_page_is_current() -> None:
    assert page.check() == 0


def test_each_architecture_of_the_list_has_a_result_of_its_present_definition() -> None:
    assert [result["digest"] for result in FOUND["architectures"]] == [digest_of(one) for one in ARCHITECTURES]


def test_there_are_at_least_forty_architectures_and_every_task_has_some() -> None:
    assert len(ARCHITECTURES) >= 40
    assert {one.task for one in ARCHITECTURES} == set(page.TITLES)
    assert len({one.title for one in ARCHITECTURES}) == len(ARCHITECTURES)


def test_each_answer_depends_on_its_input() -> None:
    assert [result["title"] for result in FOUND["architectures"] if not result.get("depends_on_input")] == []


def test_a_page_that_is_not_current_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "compatibility.md"
    other.write_text(page.PAGE.read_text("utf-8").replace("ViTForImageClassification", "ViTForEverything"), "utf-8")

    assert page.check(other) == 1

    assert "run: python -m benchmarks.compatibility --page" in capsys.readouterr().err
    assert page.write(other) == 0
    assert other.read_text("utf-8") == page.PAGE.read_text("utf-8")


WRONG = [
    ({"onnxruntime": {"verdict": "different", "difference": 0.25}}, "**different**, 2e-01"),
    ({"triton": {"verdict": "failed", "reason": "no", "format": "onnx"}}, "**fails**"),
    ({"direct": {"verdict": "equal", "difference": 0.0, "rows": [2], "rows_reason": "mixed"}}, "**dependent**"),
    ({"onnx": {"verdict": "refused", "reason": "no"}}, "refused"),
    (
        {"libtorch": {"verdict": "equal", "difference": 0.0, "sizes": {"verdict": "failed", "reason": "no"}}},
        "**wrong for other sizes**",
    ),
]


@pytest.mark.parametrize(("planted", "shown"), WRONG, ids=[text for _, text in WRONG])
def test_a_wrong_result_shows_as_wrong(planted: dict[str, object], shown: str) -> None:
    """Take a result that is right everywhere, and plant one fault."""
    right = next(result for result in FOUND["architectures"] if result["title"] == "Dinov2ForImageClassification")
    results = {"versions": {}, "architectures": [copy.deepcopy(right) | planted]}

    text = "\n".join((*page.tables(results), *page.reasons(results["architectures"])))

    assert shown in text
    assert shown not in "\n".join(page.tables({"versions": {}, "architectures": [right]}))
