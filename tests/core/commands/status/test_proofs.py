"""The newest version and the evidence that proves it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import turnout.commands.status.proofs
from turnout.commands.status.proofs import format_utc, newest_version, newest_write, proof_of
from turnout.files.fingerprint import fingerprint
from turnout.repository.evidence import Evidence

YEAR_2100 = "2100-01-01T00:00:00+00:00"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in ("1", "2"):
        (tmp_path / "m" / number).mkdir(parents=True)
        (tmp_path / "m" / number / "model.onnx").write_text(f"version {number}")
    (tmp_path / "m" / "2" / "a.data").write_text("weights")
    return tmp_path / "m"


def evidence(folder: Path, **changes: Any) -> Evidence:
    facts: dict[str, Any] = {"version": 2, "sha256": fingerprint(folder / "2"), "reference": "a", "requests": 3}
    return Evidence("m", "verify", "match", YEAR_2100, facts | changes)


def test_the_newest_version_has_file_date_and_fingerprint(folder: Path) -> None:
    for name in ("model.onnx", "a.data"):
        os.utime(folder / "2" / name, (0, 0))

    version = newest_version(folder, folder.parent, ())

    assert version is not None
    assert (version.number, version.file, version.written) == (2, "m/2/model.onnx", "1970-01-01T00:00:00+00:00")
    assert version.fingerprint == fingerprint(folder / "2")


@pytest.mark.parametrize(
    ("policy", "number"),
    [
        ("specific { versions: [1] }", 1),
        ("specific { versions: 1 versions: 2 }", 2),
        ("latest { num_versions: 2 }", 2),
        ("all {}", 2),
        ("specific { versions: [7] }", None),
    ],
)
def test_the_version_that_the_policy_serves_is_the_one_of_the_evidence(folder: Path, policy: str, number: int | None) -> None:
    (folder / "config.pbtxt").write_text(f"version_policy: {{ {policy} }}")

    version = newest_version(folder, folder.parent, ())

    assert (version.number if version else None) == number
    if number == 1:  # a proof of a version that is not served proves nothing
        proof = proof_of(evidence(folder), version)
        assert proof is not None
        assert not proof.current


def test_a_proof_holds_until_a_file_changes(folder: Path) -> None:
    saved = evidence(folder)
    before = proof_of(saved, newest_version(folder, folder, ()))
    (folder / "2" / "a.data").write_text("weightz")
    after = proof_of(saved, newest_version(folder, folder, ()))

    assert before is not None
    assert after is not None
    assert (before.holds, after.holds) == (True, False)


def test_an_older_proof_is_not_current_for_a_new_version(folder: Path) -> None:
    saved = evidence(folder)
    (folder / "2").rename(folder / "3")
    proof = proof_of(saved, newest_version(folder, folder, (saved,)))

    assert proof is not None
    assert (proof.current, proof.other_version) == (False, 2)


def test_files_are_not_read_if_no_file_has_changed_since_the_evidence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = evidence(folder)
    monkeypatch.setattr(turnout.commands.status.proofs, "fingerprint", lambda _: "read")

    version = newest_version(folder, folder, (None, saved))

    assert version is not None
    assert version.fingerprint == saved.facts["sha256"]


@pytest.mark.parametrize("at", ["2000-01-01T00:00:00+00:00", "", "yesterday", None, 5])
def test_files_are_read_if_they_may_have_changed_since_the_evidence(folder: Path, at: Any) -> None:
    old = Evidence("m", "verify", "match", at, {"version": 2, "sha256": "old"})

    version = newest_version(folder, folder, (old,))

    assert version is not None
    assert version.fingerprint == fingerprint(folder / "2")


def test_the_last_write_is_known_without_reading_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = newest_version(folder, folder, ())
    monkeypatch.setattr(turnout.commands.status.proofs, "fingerprint", pytest.fail)

    assert version is not None
    assert newest_write(folder) == version.written
    assert newest_write(folder / "nowhere") is None
    assert newest_write(None) is None


def test_there_is_no_newest_version_without_a_folder_or_files(tmp_path: Path) -> None:
    (tmp_path / "empty" / "1").mkdir(parents=True)

    assert newest_version(None, tmp_path, ()) is None
    assert newest_version(tmp_path / "nowhere", tmp_path, ()) is None
    assert newest_version(tmp_path / "empty", tmp_path, ()) is None


def test_a_proof_of_verify_lists_the_matching_arms_and_the_mismatches(folder: Path) -> None:
    arms = [{"backend": "b", "verdict": "match", "worst": ""}, {"backend": "c", "verdict": "mismatch", "worst": "y differs"}]
    batching = [{"backend": "b", "text": "batching changes answers"}]

    proof = proof_of(evidence(folder, arms=arms, batching=batching), None)

    assert proof is not None
    assert proof.agreed == ("a", "b")
    assert proof.text == "b, c against a, 3 requests; c: y differs; batching changes answers"


def test_a_proof_of_an_export_names_both_runtimes() -> None:
    proof = proof_of(Evidence("m", "export", "match", "", {"runtime": "onnxruntime 1", "reference": "torch"}), None)

    assert proof is not None
    assert proof.text == "onnxruntime 1 matches torch"


@pytest.mark.parametrize("facts", [None, [], "x", {"arms": 5, "batching": {}}, {"arms": [1, {"backend": 2}], "version": []}])
def test_facts_that_no_command_writes_prove_nothing(folder: Path, facts: Any) -> None:
    saved = Evidence("m", "verify", "match", YEAR_2100, facts)

    proof = proof_of(saved, newest_version(folder, folder, (saved,)))

    assert proof is not None
    assert not proof.holds


def test_a_time_outside_the_calendar_is_empty() -> None:
    assert format_utc(float("inf")) == ""
    assert format_utc(1e300) == ""
    assert format_utc(0) == "1970-01-01T00:00:00+00:00"
