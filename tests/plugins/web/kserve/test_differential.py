"""The same requests to a real tritonserver and to this server: equal in status and fields, but for the written differences."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.plugins.web.kserve.cases import DIFFERENCES, INFER, Case, cases
from tests.plugins.web.kserve.running import Answer, Running

CASES = cases()
PAGE = Path(__file__).parents[4] / "docs/reference/kserve.md"
_MAY_DIFFER = {"platform", "backend"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_answers_as_triton_does(case: Case, triton: Running, ours: Running) -> None:
    theirs, own = (server.send(case.method, case.path, case.body, case.headers) for server in (triton, ours))

    if case.differs:
        assert (theirs.status, own.status) == DIFFERENCES[case.differs], (theirs.body, own.body)
    else:
        assert own.status == theirs.status, (theirs.body, own.body)
        compare(case, theirs, own)
    if own.status >= 400:
        check_error(own)
    good = ours.infer("identity", {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [3]}]})
    assert good.head["outputs"][0]["data"] == [3.0]


def check_error(answer: Answer) -> None:
    """Check that an error is one clear line, as a problem and as KServe has it."""
    problem = answer.head
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["error"] == problem["detail"] != ""
    assert "\n" not in problem["detail"]
    assert "Traceback" not in problem["detail"]
    assert problem["status"] == answer.status
    assert answer.status < 500 or answer.status == 504


def compare(case: Case, theirs: Answer, own: Answer) -> None:
    """Check that two answers of one status have the same fields, and the same values where both must."""
    if own.status >= 400:
        # Triton has no body for some pages that it does not have.
        assert not theirs.body or theirs.head["error"]
    elif case.path.endswith("infer"):
        assert own.headers["content-type"] == theirs.headers["content-type"]
        assert {**own.head, "outputs": 0} == {**theirs.head, "outputs": 0}
        # repr, for NaN is not equal to itself.
        assert {name: repr(value) for name, value in own.tensors.items()} == {
            name: repr(value) for name, value in theirs.tensors.items()
        }
    elif not theirs.body:
        assert own.body == b""
    elif case.path == "/v2":
        assert own.head.keys() == theirs.head.keys()
        assert set(own.head["extensions"]) <= set(theirs.head["extensions"])
    elif case.path.endswith("config"):
        compare_configuration(theirs.head, own.head)
    elif "stats" in case.path:
        assert fields_of(own.head["model_stats"][0]) == fields_of(theirs.head["model_stats"][0])
        assert [one["name"] for one in own.head["model_stats"]] == [one["name"] for one in theirs.head["model_stats"]]
    elif "index" in case.path:
        assert [one["name"] for one in own.head] == sorted(one["name"] for one in theirs.head)
        assert {(one["name"], one["version"], one["state"]) for one in own.head} == {
            (one["name"], one["version"], one["state"]) for one in theirs.head
        }
    else:
        by_name = [
            sorted(head[kind], key=lambda one: one["name"])
            for head in (own.head, theirs.head)
            for kind in ("inputs", "outputs")
        ]
        assert by_name[:2] == by_name[2:]
        assert own.head.keys() == theirs.head.keys()
        assert own.head["versions"] == theirs.head["versions"]


def compare_configuration(theirs: dict, own: dict) -> None:
    """Check what this server says of a model against the same fields of Triton's ModelConfig."""
    assert own.keys() <= theirs.keys() | {"version_policy"}
    assert own["max_batch_size"] == theirs["max_batch_size"]
    for kind in ("input", "output"):
        given = {tensor["name"]: tensor for tensor in theirs[kind]}
        assert own[kind] == [{key: given[tensor["name"]][key] for key in tensor} for tensor in own[kind]]
        assert len(own[kind]) == len(given)


def fields_of(value: object) -> object:
    """Return the names of all fields, at every level."""
    return {key: fields_of(inner) for key, inner in value.items()} if isinstance(value, dict) else None


def test_there_are_200_requests_good_and_bad_of_every_kind() -> None:
    inference = [case for case in CASES if case.path.endswith("infer")]

    assert len(CASES) >= 200
    assert len([case for case in inference if "inference-header-content-length" in case.headers]) >= 80
    assert any(case.path == INFER for case in inference)


def test_each_wanted_difference_has_its_row_on_the_page_and_a_request() -> None:
    rows = re.findall(r"^\| ([^|]+?) \| (\d+) \| (\d+) \|", PAGE.read_text("utf-8"), re.MULTILINE)

    assert {name: (int(theirs), int(own)) for name, theirs, own in rows} == DIFFERENCES
    assert {case.differs for case in CASES} - {""} == set(DIFFERENCES)
