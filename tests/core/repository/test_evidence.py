from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from turnout.files.fingerprint import fingerprint
from turnout.repository.evidence import Evidence, is_unchanged, publish_evidence, read_evidence, write_evidence


def test_the_last_result_is_read_back_with_its_date(tmp_path: Path) -> None:
    write_evidence(tmp_path, Evidence("m", "verify", "mismatch", facts={"requests": 1}))
    write_evidence(tmp_path, Evidence("m", "verify", "match", facts={"requests": 2}))

    read = read_evidence(tmp_path, "m", "verify")

    assert read is not None
    assert (read.verdict, read.facts) == ("match", {"requests": 2})
    assert read.at.endswith("+00:00")


def test_models_and_topics_are_kept_apart(tmp_path: Path) -> None:
    write_evidence(tmp_path, Evidence("m", "verify", "match", "2026-01-01"))

    assert read_evidence(tmp_path, "m", "verify") == Evidence("m", "verify", "match", "2026-01-01", {})
    assert read_evidence(tmp_path, "m", "export") is None
    assert read_evidence(tmp_path, "n", "verify") is None


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "null", '{"format": 2}', "\0\xff"])
def test_what_cannot_be_read_is_no_evidence(tmp_path: Path, content: str) -> None:
    write_evidence(tmp_path, Evidence("m", "verify", "match")).write_text(content, "utf-8")

    assert read_evidence(tmp_path, "m", "verify") is None


def test_a_reader_never_sees_half_of_a_result(tmp_path: Path) -> None:
    facts = {"numbers": list(range(5000))}
    write_evidence(tmp_path, Evidence("m", "verify", "match", facts=facts))
    done = threading.Event()

    def write() -> None:
        for _ in range(50):
            write_evidence(tmp_path, Evidence("m", "verify", "match", facts=facts))
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    reads = 0
    while not done.is_set() or not reads:
        assert read_evidence(tmp_path, "m", "verify") is not None
        reads += 1
    thread.join(20)


def test_a_disk_that_refuses_leaves_the_old_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_evidence(tmp_path, Evidence("m", "verify", "match"))

    def refuse(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="disk full"):
        write_evidence(tmp_path, Evidence("m", "verify", "mismatch"))

    read = read_evidence(tmp_path, "m", "verify")
    assert read is not None
    assert read.verdict == "match"
    assert sorted(file.name for file in (tmp_path / ".turnout").iterdir()) == [".gitignore", "m.verify.json"]


def test_the_file_is_json_for_other_tools(tmp_path: Path) -> None:
    file = write_evidence(tmp_path, Evidence("m", "verify", "match", "2026-01-01"))

    assert json.loads(file.read_text("utf-8")) == {
        "format": 1,
        "model": "m",
        "topic": "verify",
        "verdict": "match",
        "at": "2026-01-01",
        "facts": {},
    }


def test_a_fingerprint_changes_with_content_and_names(tmp_path: Path) -> None:
    folder = tmp_path / "1"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"abc")
    first = fingerprint(folder)

    (folder / "model.onnx").write_bytes(b"abd")
    changed = fingerprint(folder)
    (folder / "model.onnx").write_bytes(b"abc")
    (folder / "model.onnx").rename(folder / "other.onnx")

    assert len({first, changed, fingerprint(folder)}) == 3
    assert fingerprint(folder / "other.onnx") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_proof_beside_the_versions_travels_with_them(tmp_path: Path) -> None:
    there, here = tmp_path / "there/model_repository/m", tmp_path / "here"
    there.mkdir(parents=True)
    publish_evidence(there, Evidence("m", "verify", "match", "2026-01-02"))
    here.mkdir()
    (tmp_path / "there/model_repository").rename(here / "model_repository")

    assert read_evidence(here, "m", "verify") == Evidence("m", "verify", "match", "2026-01-02", {})
    assert read_evidence(here, "n", "verify", here / "model_repository/m") is None


@pytest.mark.parametrize(("at", "verdict"), [("2026-01-01", "match"), ("2026-01-03", "mismatch")])
def test_the_later_of_the_two_results_counts(tmp_path: Path, at: str, verdict: str) -> None:
    folder = tmp_path / "served/elsewhere"
    folder.mkdir(parents=True)
    publish_evidence(folder, Evidence("m", "verify", "match", "2026-01-02"))
    write_evidence(tmp_path, Evidence("m", "verify", "mismatch", at))

    read = read_evidence(tmp_path, "m", "verify", folder)

    assert read is not None
    assert read.verdict == verdict


def test_a_folder_is_unchanged_until_a_file_in_it_is_newer_than_the_time(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_text("weights")
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")

    assert is_unchanged(tmp_path, "2100-01-01T00:00:00+00:00")
    assert not is_unchanged(tmp_path, "2000-01-01T00:00:00+00:00")
    assert not is_unchanged(tmp_path, "yesterday")

    with pytest.raises(FileNotFoundError):
        is_unchanged(tmp_path / "nowhere", "2100-01-01T00:00:00+00:00")
