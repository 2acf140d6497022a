from __future__ import annotations

import json
import multiprocessing
import os
import stat
from collections import Counter
from pathlib import Path

import pytest

from turnout.files.lock import file_lock
from turnout.rollout.shadow import ShadowEvidence, read_shadow_evidence
from turnout.rollout.shadow.evidence_file import add_shadow_evidence


def _evidence(identity: str = "v1", **verdicts: int) -> ShadowEvidence:
    return ShadowEvidence("m", "first", "second", identity, Counter(verdicts))


def _read(file: Path) -> ShadowEvidence:
    evidence = read_shadow_evidence(file)
    assert evidence is not None
    return evidence


def test_evidence_of_the_same_arms_adds_up(tmp_path: Path) -> None:
    file = tmp_path / ".turnout" / "m.shadow.json"

    add_shadow_evidence(file, _evidence(match=3))
    add_shadow_evidence(file, _evidence(match=1, error=2))

    assert _read(file).verdicts == Counter(match=4, mismatch=0, error=2, dropped=0)


def test_evidence_of_other_arms_replaces_the_file(tmp_path: Path) -> None:
    file = tmp_path / "m.shadow.json"
    add_shadow_evidence(file, _evidence(match=900))

    add_shadow_evidence(file, _evidence("v2", mismatch=1))

    assert (_read(file).identity, _read(file).mirrored) == ("v2", 1)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "null", '{"model": 1}', "[" * 100_000, '{"verdicts": {"maybe": 1}}'])
def test_an_unreadable_file_is_no_evidence_and_is_replaced(tmp_path: Path, content: str) -> None:
    file = tmp_path / "m.shadow.json"
    file.write_text(content)

    assert read_shadow_evidence(file) is None

    add_shadow_evidence(file, _evidence(match=1))
    assert _read(file).mirrored == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("verdicts", '{"match": 1e999}'),
        ("verdicts", '{"match": -1}'),
        ("verdicts", '{"match": 99999999999999999999}'),
        ("verdicts", '{"match": "5"}'),
        ("max_abs_error", "NaN"),
        ("max_abs_error", "-1"),
        ("primary_latencies", '{"99999999": 1}'),
        ("primary_latencies", '{"1e999": 1}'),
        ("shadow_latencies", '{"5": 1e999}'),
        ("shadow_latencies", "5"),
        ("since", "1e999"),
        ("updated", "1e300"),
    ],
)
def test_figures_that_no_shadow_writes_are_no_evidence_and_are_replaced(tmp_path: Path, key: str, value: str) -> None:
    file = tmp_path / "m.shadow.json"
    file.write_text(json.dumps(_evidence(match=1).as_json() | {key: "here"}).replace('"here"', value))

    assert read_shadow_evidence(file) is None

    add_shadow_evidence(file, _evidence(match=1))
    assert _read(file).verdicts["match"] == 1


def test_no_file_is_no_evidence(tmp_path: Path) -> None:
    assert read_shadow_evidence(tmp_path / "none.json") is None


def test_only_the_owner_can_read_it_and_no_temporary_file_remains(tmp_path: Path) -> None:
    file = tmp_path / "m.shadow.json"

    add_shadow_evidence(file, _evidence(match=1))

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["m.shadow.json", "m.shadow.lock"]


def _add_many(file: Path) -> None:
    for _ in range(50):
        add_shadow_evidence(file, _evidence(match=1))


def test_processes_that_add_at_once_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "m.shadow.json"
    processes = [multiprocessing.get_context("spawn").Process(target=_add_many, args=(file,)) for _ in range(4)]

    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    assert [process.exitcode for process in processes] == [0] * 4
    assert _read(file).verdicts["match"] == 200


def test_a_lock_that_is_never_released_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")
    monkeypatch.setattr("turnout.files.lock.LOCK_SECONDS", 0.02)
    file = tmp_path / "m.shadow.json"
    with (tmp_path / "m.shadow.lock").open("ab") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(TimeoutError):
            add_shadow_evidence(file, _evidence(match=1))

    add_shadow_evidence(file, _evidence(match=1))
    assert _read(file).mirrored == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_that_was_forked_while_evidence_was_written_can_write_its_own(tmp_path: Path) -> None:
    file = tmp_path / "m.shadow.json"
    with file_lock(file.with_suffix(".lock")):
        child = os.fork()
        if not child:
            try:
                add_shadow_evidence(file, _evidence(match=1))
            finally:
                os._exit(0)
    assert os.waitpid(child, 0)[1] == 0

    assert _read(file).mirrored == 1
