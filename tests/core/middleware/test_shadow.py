"""A shadow: called off the caller's path, compared, and never in the way."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.core.rollout.shadow.counting_meter import LIMIT_SECONDS, CountingMeter

from turnout import InferenceRequest, InferenceResponse, ModelInference
from turnout.errors import BackendUnavailableError, InferenceError
from turnout.middleware.shadow import Shadow
from turnout.recording import read_recorded_request
from turnout.rollout.shadow import ShadowLedger, ShadowPolicy, read_shadow_evidence
from turnout.testing import Fails, PlusOne, Slow, Streams, Unavailable

X = np.arange(24, dtype=np.float32).reshape(8, 3)
ALWAYS = ShadowPolicy(fraction=1.0, closing_seconds=LIMIT_SECONDS)
Make = Callable[..., Shadow]


class Off(PlusOne):
    """Answers what PlusOne does, after ``spoil`` has changed it."""

    def __init__(self, spoil: Callable[[np.ndarray], object]) -> None:
        super().__init__()
        self._spoil = spoil

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        answer = super().infer(request)
        self._spoil(answer["x"])
        return answer


class Hangs(ModelInference):
    """Answers no request before ``ended`` is set, whatever the deadline; not even ``close`` returns."""

    def __init__(self) -> None:
        self.started, self.ended = threading.Event(), threading.Event()

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self.started.set()
        assert self.ended.wait(LIMIT_SECONDS)
        return InferenceResponse(request.inputs)

    def close(self) -> None:
        assert self.ended.wait(LIMIT_SECONDS)


class Keeps(PlusOne):
    """Keeps the requests."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[InferenceRequest] = []

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self.requests.append(replace_inputs(request))
        return super().infer(request)


def replace_inputs(request: InferenceRequest) -> InferenceRequest:
    """Return the request with copies of its inputs, whose memory is used again."""
    inputs = {name: array.copy() for name, array in request.inputs.items()}
    return InferenceRequest(inputs, request.deadline, request.id, request.parameters)


@pytest.fixture
def meter() -> CountingMeter:
    return CountingMeter()


@pytest.fixture
def make(meter: CountingMeter) -> Iterator[Make]:
    """Return a function that makes a shadow of two arms; the test's end closes it."""
    made: list[Shadow] = []

    def make_one(
        shadow: ModelInference, primary: ModelInference | None = None, policy: ShadowPolicy = ALWAYS, file: Path | None = None
    ) -> Shadow:
        ledger = ShadowLedger("m", "first", "second", meter=meter, file=file)
        made.append(Shadow(primary or PlusOne(), shadow, policy, ledger))
        return made[-1]

    yield make_one
    for shadow in made:
        shadow.close()


@pytest.fixture
def hangs() -> Iterator[Hangs]:
    model = Hangs()
    yield model
    model.ended.set()


def _ask(model: ModelInference, array: np.ndarray = X) -> list[object]:
    answer: list[object] = model.infer(InferenceRequest({"x": array}))["x"].tolist()
    return answer


def test_equal_arms_match(make: Make, meter: CountingMeter) -> None:
    shadow = make(PlusOne())

    assert _ask(shadow) == (X + 1).tolist()

    assert meter.wait(1) == {"match": 1}
    assert meter.errors == [0.0]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda y: np.add(y, 1e-2, out=y), id="off by 1e-2"),
        pytest.param(lambda y: np.copyto(y, y[::-1].copy()), id="rows in another order"),
        pytest.param(lambda y: y[5].fill(0), id="one row of eight wrong"),
        pytest.param(lambda y: y[0].fill(np.nan), id="a row of NaN"),
    ],
)
def test_a_planted_fault_is_a_mismatch_and_the_caller_has_the_right_answer(
    make: Make, meter: CountingMeter, spoil: Callable[[np.ndarray], object]
) -> None:
    shadow = make(Off(spoil))

    answers = [_ask(shadow) for _ in range(10)]

    assert answers == [(X + 1).tolist()] * 10
    assert meter.wait(10) == {"mismatch": 10}


@pytest.mark.parametrize("wrong", [Unavailable(), Fails(InferenceError("bad")), Fails(RuntimeError("foreign"))])
def test_a_shadow_that_fails_costs_the_caller_nothing(make: Make, meter: CountingMeter, wrong: ModelInference) -> None:
    shadow = make(wrong)

    assert [_ask(shadow) for _ in range(10)] == [(X + 1).tolist()] * 10
    assert meter.wait(10) == {"error": 10}


def test_the_caller_does_not_wait_for_a_shadow_that_hangs_and_what_has_no_room_is_dropped(
    make: Make, meter: CountingMeter, hangs: Hangs
) -> None:
    shadow = make(hangs, policy=replace(ALWAYS, queue_size=3, closing_seconds=0.05))
    _ask(shadow)
    assert hangs.started.wait(LIMIT_SECONDS)

    answers = [_ask(shadow) for _ in range(10)]

    assert answers == [(X + 1).tolist()] * 10
    assert meter.verdicts == {"dropped": 7}
    assert not hangs.ended.is_set()


def test_a_shadow_that_hangs_is_left_behind_and_every_request_is_counted(
    make: Make, meter: CountingMeter, hangs: Hangs, caplog: pytest.LogCaptureFixture
) -> None:
    primary = PlusOne()
    shadow = make(hangs, primary, replace(ALWAYS, queue_size=3, closing_seconds=0.05))
    for _ in range(10):
        _ask(shadow)
    assert hangs.started.wait(LIMIT_SECONDS)

    start = time.monotonic()
    shadow.close()

    assert time.monotonic() - start < LIMIT_SECONDS / 4
    assert meter.verdicts == {"dropped": 10}
    assert not primary.ready()
    assert "shadow 'second' hangs in close and is abandoned" in caplog.text
    hangs.ended.set()
    _no_threads()
    assert meter.verdicts == {"dropped": 10}


def _no_threads() -> None:
    for thread in threading.enumerate():
        if thread.name.startswith("turnout-shadow"):
            thread.join(LIMIT_SECONDS)
            assert not thread.is_alive()


def test_closing_ends_a_wait_that_the_arm_s_closing_ends(make: Make, meter: CountingMeter) -> None:
    slow = Slow(LIMIT_SECONDS)
    shadow = make(slow, policy=replace(ALWAYS, closing_seconds=0.2))
    _ask(shadow)
    assert slow.started.wait(LIMIT_SECONDS)

    shadow.close()

    assert meter.wait(1) == {"error": 1}  # the model was closed beneath its request
    _no_threads()


def test_closing_lets_comparisons_in_progress_end(make: Make, meter: CountingMeter) -> None:
    shadow = make(Slow(0.1))
    _ask(shadow)

    shadow.close()

    assert meter.verdicts.total() == 1


@pytest.mark.parametrize("threads", [1, 3])
def test_counts_are_exact_through_sixteen_threads(make: Make, meter: CountingMeter, threads: int) -> None:
    bad = iter(range(10**9))

    def spoil(y: np.ndarray) -> None:
        if next(bad) % 3 == 0:
            y *= 1.01

    shadow = make(Off(spoil), policy=replace(ALWAYS, queue_size=20, threads=threads))

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda index: _ask(shadow, X + index), range(2000)))
    shadow.close()

    assert answers == [(X + index + 1).tolist() for index in range(2000)]
    assert meter.verdicts.total() == 2000
    compared = meter.verdicts["match"] + meter.verdicts["mismatch"]
    assert compared + meter.verdicts["dropped"] == 2000
    assert meter.verdicts["mismatch"] == -(-compared // 3)


@pytest.mark.parametrize("side", [10, 300])
def test_the_caller_may_write_to_both_arrays_at_once(make: Make, meter: CountingMeter, side: int) -> None:
    shadow = make(Slow(0.02, PlusOne()), policy=replace(ALWAYS, queue_size=100))
    array = np.empty((side, side), np.float32)

    count, end = 0, time.monotonic() + LIMIT_SECONDS
    while meter.verdicts["match"] < 2 and time.monotonic() < end:  # the first large ones have no memory yet
        count += 1
        array[:] = count
        answer = shadow.infer(InferenceRequest({"x": array}))
        array[:] = 7
        answer["x"][:] = 9
        meter.wait(count)

    assert set(meter.verdicts) <= {"match", "dropped"}
    assert meter.verdicts["match"] >= 2


def test_memory_that_is_used_again_mixes_nothing_up(make: Make, meter: CountingMeter) -> None:
    shadow = make(PlusOne(), policy=replace(ALWAYS, queue_size=100, threads=2))

    with ThreadPoolExecutor(4) as pool:
        for index in range(300):
            inputs = {"x": np.full((300, 300), index, np.float32), "n": np.array([index])}
            pool.submit(shadow.infer, InferenceRequest(inputs))

    verdicts = meter.wait(300)
    assert set(verdicts) <= {"match", "dropped"}
    assert verdicts["match"] > 20


def test_a_request_that_the_primary_fails_gives_its_memory_back(make: Make, meter: CountingMeter) -> None:
    moods, big = itertools.cycle([True, False]), np.ones((300, 300), np.float32)

    class Moody(PlusOne):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            if not next(moods):
                raise InferenceError("bad")
            return super().infer(request)

    shadow = make(PlusOne(), Moody(), replace(ALWAYS, max_bytes=5 * big.nbytes))
    end, answered = time.monotonic() + LIMIT_SECONDS, 0
    while meter.verdicts["match"] < 10 and time.monotonic() < end:
        _ask(shadow, big)
        answered += 1
        meter.wait(answered)
        with pytest.raises(InferenceError):
            _ask(shadow, big)

    assert meter.verdicts["match"] >= 10
    assert meter.verdicts.total() == answered


def test_what_would_take_too_much_memory_is_dropped(make: Make, meter: CountingMeter) -> None:
    shadow = make(PlusOne(), policy=replace(ALWAYS, max_bytes=2 * X.nbytes - 1))

    _ask(shadow)
    _ask(shadow, X[:1])

    assert meter.wait(2) == {"dropped": 1, "match": 1}


def test_a_request_that_cannot_be_copied_is_dropped(make: Make, meter: CountingMeter, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise MemoryError

    shadow = make(PlusOne())
    with monkeypatch.context() as patch:
        patch.setattr("turnout.rollout.shadow.copier.Copier.copy", full)
        assert _ask(shadow) == (X + 1).tolist()
    _ask(shadow)

    assert meter.wait(2) == {"dropped": 1, "match": 1}


def test_only_a_share_is_mirrored(meter: CountingMeter) -> None:
    numbers = iter([0.1, 0.2, 0.3, 0.19] * 25)
    ledger = ShadowLedger("m", "first", "second", meter=meter)
    shadow = Shadow(PlusOne(), PlusOne(), replace(ALWAYS, fraction=0.2), ledger, random=lambda: next(numbers))

    for _ in range(100):
        _ask(shadow)
    shadow.close()

    assert meter.verdicts.total() == 50


def test_what_the_primary_fails_is_not_mirrored(make: Make, meter: CountingMeter) -> None:
    shadow = make(PlusOne(), Unavailable())

    with pytest.raises(BackendUnavailableError):
        _ask(shadow)

    assert meter.verdicts.total() == 0


def test_the_shadow_gets_the_request_with_time_of_its_own(make: Make, meter: CountingMeter) -> None:
    keeps = Keeps()
    shadow = make(keeps, policy=replace(ALWAYS, timeout_seconds=5.0))

    shadow.infer(InferenceRequest({"x": X}, time.monotonic() + 100, "me", {"user": "u"}))

    meter.wait(1)
    (request,) = keeps.requests
    assert (request.id, request.parameters, request.inputs["x"].tolist()) == ("me", {"user": "u"}, X.tolist())
    assert request.remaining_seconds() == pytest.approx(5, abs=2)


def test_nothing_is_started_before_the_first_mirrored_request(make: Make) -> None:
    shadow = make(PlusOne(), policy=replace(ALWAYS, fraction=0.0))

    _ask(shadow)

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("turnout-shadow")]


def test_streams_are_passed_on_and_not_mirrored(make: Make, meter: CountingMeter) -> None:
    answers = [InferenceResponse({"x": X}), InferenceResponse({"x": X + 1})]
    shadow = make(PlusOne(), Streams(*answers))

    assert list(shadow.infer_stream(InferenceRequest({"x": X}))) == answers
    assert meter.verdicts.total() == 0


def test_the_primary_alone_says_whether_it_is_ready(make: Make) -> None:
    assert make(Unavailable()).ready()
    assert not make(PlusOne(), Unavailable()).ready()


def test_the_evidence_is_on_disk_at_the_end(make: Make, meter: CountingMeter, tmp_path: Path) -> None:
    file = tmp_path / ".turnout" / "m.shadow.json"
    shadow = make(Off(lambda y: np.add(y, 1e-2, out=y)), file=file)
    for _ in range(5):
        _ask(shadow)
    meter.wait(5)

    shadow.close()

    evidence = read_shadow_evidence(file)
    assert evidence is not None
    assert (evidence.verdicts["mismatch"], evidence.mirrored, evidence.mismatch_ratio) == (5, 5, 1.0)
    assert evidence.max_abs_error == pytest.approx(1e-2, rel=1e-2)
    assert "output 'x' differs by more than rtol 0.001, atol 0.0001" in evidence.worst


def test_the_worst_mismatches_are_kept_as_records(make: Make, meter: CountingMeter, tmp_path: Path) -> None:
    errors = iter([0.1, 0.5, 0.2, 0.9, 0.3])
    shadow = make(Off(lambda y: np.add(y, next(errors), out=y)), policy=replace(ALWAYS, keep=2, directory=tmp_path / "kept"))
    for index in range(5):
        shadow.infer(InferenceRequest({"x": X * 0}, id=str(index)))
    meter.wait(5)

    shadow.close()

    records = [read_recorded_request(file) for file in sorted((tmp_path / "kept").iterdir(), reverse=True)]
    assert [record.id for record in records] == ["3", "1"]
    assert records[0].inputs["x"].tolist() == (X * 0).tolist()
    assert records[0].outputs["x"].tolist() == (X * 0 + 1).tolist()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_starts_threads_of_its_own(make: Make, meter: CountingMeter, tmp_path: Path) -> None:
    file = tmp_path / "m.shadow.json"
    shadow = make(PlusOne(), file=file)
    _ask(shadow)
    meter.wait(1)

    child = os.fork()
    if not child:
        _ask(shadow)
        meter.wait(2)
        shadow.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    shadow.close()

    evidence = read_shadow_evidence(file)
    assert evidence is not None
    assert evidence.verdicts["match"] == 2
