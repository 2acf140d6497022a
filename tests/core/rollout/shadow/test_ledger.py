from __future__ import annotations

import logging
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tests.core.rollout.shadow.counting_meter import CountingMeter

from turnout.errors import InferenceError
from turnout.parity import Parity, compare, parity_of_error
from turnout.rollout.shadow import ShadowLedger, read_shadow_evidence

X = {"x": np.ones(3, np.float32)}
MATCH, MISMATCH = compare(X, X), compare(X, {"x": X["x"] + 1})
ERROR = parity_of_error(InferenceError("no answer"))


@pytest.fixture
def meter() -> CountingMeter:
    return CountingMeter()


def _ledger(meter: CountingMeter, file: Path | None = None) -> ShadowLedger:
    return ShadowLedger("m", "first", "second", meter=meter, file=file)


@pytest.mark.parametrize(("parity", "error"), [(MATCH, 0.0), (MISMATCH, 1.0), (ERROR, None)])
def test_each_verdict_is_metered_and_errors_and_latencies_of_answers_only(
    meter: CountingMeter, parity: Parity, error: float | None
) -> None:
    _ledger(meter).record(parity, 0.1, 0.2)

    assert meter.verdicts == Counter({str(parity.verdict): 1})
    assert meter.errors == [error]
    assert meter.latencies == ([] if error is None else [(0.1, 0.2)])


def test_the_file_is_written_once_a_second_at_most(
    meter: CountingMeter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter([100.0, 100.0, 100.5, 101.5, 101.5])
    monkeypatch.setattr("turnout.rollout.shadow.ledger.time", SimpleNamespace(monotonic=lambda: next(seconds), time=time.time))
    file = tmp_path / "e.json"
    ledger = _ledger(meter, file)

    counts = []
    for _ in range(3):
        ledger.record(MATCH, 0.1, 0.2)
        ledger.write()
        evidence = read_shadow_evidence(file)
        counts.append(evidence.mirrored if evidence else None)

    assert counts == [1, 1, 3]


def test_counts_stay_new_when_a_write_fails(meter: CountingMeter, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / ".turnout"
    folder.write_text("a file where a folder should be")
    ledger = _ledger(meter, folder / "e.json")
    ledger.record(MATCH, 0.1, 0.2)

    ledger.write(now=True)
    ledger.write(now=True)
    folder.unlink()
    ledger.drop()
    ledger.write(now=True)

    evidence = read_shadow_evidence(folder / "e.json")
    assert evidence is not None
    assert (evidence.verdicts["match"], evidence.verdicts["dropped"], ledger.has_unwritten) == (1, 1, False)
    assert caplog.text.count("the evidence of shadow 'second' cannot be written") == 1


def test_an_error_that_nobody_foresaw_ends_no_thread_and_loses_no_count(
    meter: CountingMeter, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OverflowError("a figure of a foreign file")

    monkeypatch.setattr("turnout.rollout.shadow.ledger.add_shadow_evidence", fail)
    ledger = _ledger(meter, tmp_path / "m.shadow.json")
    ledger.drop()

    for _ in range(3):
        ledger.write(now=True)

    assert ledger.has_unwritten
    assert len([message for message in caplog.messages if "a figure of a foreign file; logged once" in message]) == 1


def test_the_first_mismatch_and_the_first_error_are_logged(meter: CountingMeter, caplog: pytest.LogCaptureFixture) -> None:
    ledger = _ledger(meter)

    with caplog.at_level(logging.WARNING):
        for parity in (MATCH, MISMATCH, MISMATCH, ERROR, ERROR):
            ledger.record(parity, 0.1, 0.2)

    first, second = caplog.messages
    assert first.startswith("model 'm': shadow 'second' differs from 'first': output 'x'")
    assert second.startswith("model 'm': shadow 'second' failed on a request that was answered by 'first': no answer")
