from __future__ import annotations

import multiprocessing
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turnout.errors import BackendUnavailableError, TurnoutError
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference, request_of
from turnout.middleware.recorder import Recorder
from turnout.recording import RecordingPolicy, RecordingSet, RecordingWriter
from turnout.testing import PlusOne, Unavailable
from turnout.testing.fakes import Streams


class Recorders:
    """Makes recorders around models; counts what becomes of requests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.counts: Counter[str] = Counter()
        self.made: list[Recorder] = []
        self._lock = threading.Lock()

    def make(self, inner: ModelInference | None = None, **policy: Any) -> Recorder:
        chosen = RecordingPolicy(self.folder, **({"fraction": 1.0} | policy))
        self.made.append(Recorder(inner or PlusOne(), "m", "plus", chosen, self.count))
        return self.made[-1]

    def count(self, outcome: str) -> None:
        with self._lock:
            self.counts[outcome] += 1


@pytest.fixture
def recorders(tmp_path: Path) -> Iterator[Recorders]:
    made = Recorders(tmp_path / "m")
    yield made
    for recorder in made.made:
        recorder.close()


def request(number: int = 1, size: int = 3) -> InferenceRequest:
    return InferenceRequest({"x": np.full(size, number, np.float32)}, id=str(number), parameters={"user": "a"})


def test_a_request_and_its_answer_are_recorded(recorders: Recorders) -> None:
    recorder = recorders.make()

    assert recorder.infer(request(1))["x"].tolist() == [2, 2, 2]
    recorder.close()

    (record,) = RecordingSet(recorders.folder)
    assert (record.inputs["x"].tolist(), record.outputs["x"].tolist()) == ([1, 1, 1], [2, 2, 2])
    assert (record.model, record.backend, record.id, record.parameters) == ("m", "plus", "1", {"user": "a"})
    assert record.seconds > 0
    assert recorders.counts == {"recorded": 1}


def test_what_the_caller_does_to_its_arrays_afterwards_is_not_recorded(recorders: Recorders, monkeypatch: Any) -> None:
    may_write = threading.Event()
    add = RecordingWriter.add
    monkeypatch.setattr(RecordingWriter, "add", lambda *given: may_write.wait(20) and add(*given))
    recorder, given = recorders.make(), request(1)

    answer = recorder.infer(given)
    answer["x"][:] = 99
    given.inputs["x"][:] = 99
    may_write.set()
    recorder.close()

    (record,) = RecordingSet(recorders.folder)
    assert (record.inputs["x"][0], record.outputs["x"][0]) == (1, 2)


def test_a_share_of_requests_is_chosen(recorders: Recorders) -> None:
    recorder = recorders.make(fraction=0.1, queue_size=10_000, max_requests=10_000)

    for number in range(3000):
        recorder.infer(request(number))
    recorder.close()

    assert 200 < recorders.counts["recorded"] < 420
    assert len(RecordingSet(recorders.folder)) == recorders.counts["recorded"]


def test_nothing_is_recorded_of_no_share(recorders: Recorders) -> None:
    recorder = recorders.make(fraction=0.0)

    recorder.infer(request())
    recorder.close()

    assert not recorders.folder.exists()


def test_failed_requests_and_streams_pass_unrecorded(recorders: Recorders) -> None:
    down, streams = recorders.make(Unavailable()), recorders.make(Streams(InferenceResponse({}), InferenceResponse({})))

    with pytest.raises(BackendUnavailableError):
        down.infer(request())
    assert len(list(streams.infer_stream(request()))) == 2
    assert not recorders.counts


def test_requests_are_dropped_and_counted_while_the_disk_is_busy(recorders: Recorders, monkeypatch: Any) -> None:
    may_write = threading.Event()
    add = RecordingWriter.add
    monkeypatch.setattr(RecordingWriter, "add", lambda *given: may_write.wait(20) and add(*given))
    recorder = recorders.make(queue_size=4)

    for number in range(10):
        assert recorder.infer(request(number))["x"][0] == number + 1
    assert recorders.counts == {"dropped": 6}
    may_write.set()
    recorder.close()

    assert recorders.counts == {"dropped": 6, "recorded": 4}
    assert [int(record.inputs["x"][0]) for record in RecordingSet(recorders.folder)] == [0, 1, 2, 3]


def test_what_waits_takes_no_more_memory_than_allowed(recorders: Recorders, monkeypatch: Any) -> None:
    may_write = threading.Event()
    add = RecordingWriter.add
    monkeypatch.setattr(RecordingWriter, "add", lambda *given: may_write.wait(20) and add(*given))
    recorder = recorders.make(max_waiting_bytes=10_000)

    for number in range(5):
        recorder.infer(request(number, size=1000))
    may_write.set()
    recorder.close()

    assert recorders.counts == {"recorded": 1, "dropped": 4}


def test_a_folder_that_refuses_fails_no_request(recorders: Recorders, caplog: pytest.LogCaptureFixture) -> None:
    recorders.folder.write_text("a file where the folder should be")
    recorder = recorders.make()

    for number in range(3):
        assert recorder.infer(request(number))["x"][0] == number + 1
    recorder.close()

    assert recorders.counts["failed"] == 3
    assert "cannot be recorded" in caplog.text


def test_an_answer_that_cannot_be_written_fails_no_request(recorders: Recorders) -> None:
    class Strange(ModelInference):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            return InferenceResponse({"x": np.zeros(1, np.complex64)})

    recorder = recorders.make(Strange())

    recorder.infer(request())
    recorder.close()

    assert recorders.counts == {"failed": 1}


def test_a_full_folder_is_counted_and_logged_once(recorders: Recorders, caplog: pytest.LogCaptureFixture) -> None:
    recorder = recorders.make(max_requests=2)

    for number in range(20):
        recorder.infer(request(number))
    recorder.close()

    assert recorders.counts == {"recorded": 2, "full": 18}
    assert caplog.text.count("is full") == 1


def test_every_chosen_request_is_counted_once_from_many_threads(recorders: Recorders) -> None:
    recorder = recorders.make(queue_size=8, max_requests=100)
    threads = [threading.Thread(target=lambda: [recorder.infer(request(n)) for n in range(100)]) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    recorder.close()

    assert recorders.counts.total() == 400
    assert len(RecordingSet(recorders.folder)) == recorders.counts["recorded"] <= 100


def test_closing_ends_the_thread_and_later_requests_are_dropped(recorders: Recorders) -> None:
    recorder = recorders.make()
    recorder.infer(request())

    recorder.close()

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("turnout-record")]
    recorder._recording.offer(request(), InferenceResponse({}), 0.1)
    assert recorders.counts == {"recorded": 1, "dropped": 1}


def _record_in_child(recorder: Recorder) -> None:
    recorder.infer(request(2))
    recorder.close()


def test_a_forked_child_records_too(recorders: Recorders, limit_seconds: int) -> None:
    recorder = recorders.make()
    recorder.infer(request(1))
    child = multiprocessing.get_context("fork").Process(target=_record_in_child, args=(recorder,))

    child.start()
    child.join(limit_seconds)
    recorder.close()

    assert child.exitcode == 0
    assert sorted(int(record.inputs["x"][0]) for record in RecordingSet(recorders.folder)) == [1, 2]


def test_writing_takes_a_tenth_of_a_processor_at_most(recorders: Recorders, monkeypatch: Any) -> None:
    ends: list[float] = []
    all_done = threading.Event()

    def burn(*_: object) -> bool:
        end = time.thread_time() + 0.01
        while time.thread_time() < end:
            pass
        ends.append(time.monotonic())
        if len(ends) == 4:
            all_done.set()
        return True

    monkeypatch.setattr(RecordingWriter, "add", burn)
    recorder = recorders.make()

    for number in range(4):
        recorder.infer(request(number))
    assert all_done.wait(20)

    assert ends[-1] - ends[0] >= 3 * 0.1 * 0.9


class OnDevice:
    """A tensor as CuPy describes one."""

    def __init__(self, array: Any) -> None:
        self.__cuda_array_interface__ = {"typestr": array.dtype.str, "shape": array.shape}
        self._array = array

    def get(self) -> Any:
        return self._array.copy()


def test_inputs_on_a_gpu_are_recorded_from_there(recorders: Recorders) -> None:
    class Takes(ModelInference):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            return InferenceResponse({"y": np.ones(1, np.float32)})

    recorder = recorders.make(Takes())

    recorder.infer(request_of({"x": OnDevice(np.arange(3, dtype=np.float32))}))
    recorder.close()

    assert next(iter(RecordingSet(recorders.folder))).inputs["x"].tolist() == [0, 1, 2]


@pytest.mark.clock
def test_a_request_that_is_not_chosen_pays_under_a_microsecond(recorders: Recorders) -> None:
    class Nothing(ModelInference):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            return ANSWER

    inner = Nothing()
    recorder = recorders.make(inner, fraction=0.0)

    bare = min(_seconds(inner.infer) for _ in range(7))
    recorded = min(_seconds(recorder.infer) for _ in range(7))

    assert (recorded - bare) / CALLS < 1e-6


CALLS = 20_000
ANSWER = InferenceResponse({})


def _seconds(infer: Callable[[InferenceRequest], InferenceResponse]) -> float:
    given = request()
    start = time.perf_counter()
    for _ in range(CALLS):
        infer(given)
    return time.perf_counter() - start


def test_errors_of_the_model_are_its_own(recorders: Recorders) -> None:
    recorder = recorders.make()
    recorder.inner.close()

    with pytest.raises(TurnoutError, match="this PlusOne is closed"):
        recorder.infer(request())
