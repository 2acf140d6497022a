from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import ml_dtypes
import numpy as np
import pytest

from turnout.rollout.shadow.copier import SMALL_BYTES, ByteRate, Copier

LIMIT_SECONDS = 20
THREAD = "turnout-test-copy"
LARGE = np.arange(2 * SMALL_BYTES, dtype=np.uint8)


def _copier(max_bytes: int = 10**9) -> Copier:
    return Copier(max_bytes, 10**9, THREAD)


@pytest.fixture
def copier() -> Iterator[Copier]:
    copier = _copier()
    yield copier
    copier.close(LIMIT_SECONDS)
    assert not _thread_runs()


def _thread_runs() -> bool:
    return THREAD in [thread.name for thread in threading.enumerate()]


def _wait_for_copy(copier: Copier, *arrays: np.ndarray, limit_seconds: float = LIMIT_SECONDS) -> list[np.ndarray]:
    """Return copies of ``arrays``, as soon as the thread has prepared memory for them."""
    inputs = {str(index): array for index, array in enumerate(arrays)}
    end = time.monotonic() + limit_seconds
    while (copies := copier.copy(inputs)) is None:
        if time.monotonic() > end:
            return []
        time.sleep(0.001)
    return list(copies.values())


@pytest.mark.parametrize(
    "array",
    [
        np.array(3.5, np.float32),
        np.zeros((0, 4), np.float32),
        np.array([b"a", b""], object),
        LARGE,
        LARGE.view(ml_dtypes.bfloat16).reshape(8, -1),
        LARGE.view(np.float32).reshape(4, -1)[:, ::2].T,
        LARGE > 7,
    ],
)
def test_a_copy_is_equal_and_shares_no_memory(copier: Copier, array: np.ndarray) -> None:
    (copied,) = _wait_for_copy(copier, array)

    assert (copied.dtype, copied.shape) == (array.dtype, array.shape)
    assert copied.tolist() == array.tolist() or np.isnan(array.astype(float)).any()
    assert not np.shares_memory(copied, array)
    assert copied.flags.writeable


def test_a_large_copy_needs_prepared_memory_and_a_small_one_does_not(copier: Copier) -> None:
    small = copier.copy({"x": LARGE[: SMALL_BYTES - 1]})

    assert small is not None
    assert small["x"].nbytes == SMALL_BYTES - 1
    assert not _thread_runs()
    assert copier.copy({"x": LARGE}) is None
    assert _wait_for_copy(copier, LARGE)[0].tolist() == LARGE.tolist()


def test_released_memory_is_reused_for_tensors_of_about_that_size() -> None:
    copier = _copier(LARGE.nbytes)
    (first,) = _wait_for_copy(copier, LARGE)
    address = first.ctypes.data
    copier.release([first])

    (second,) = _wait_for_copy(copier, LARGE[:-100].view(np.float32))

    assert second.ctypes.data == address
    assert copier.copy({"x": LARGE}) is None
    copier.close(LIMIT_SECONDS)


def test_a_copy_without_memory_for_all_arrays_releases_the_first() -> None:
    copier = _copier(LARGE.nbytes)
    copier.release(_wait_for_copy(copier, LARGE))

    assert copier.copy({"x": LARGE, "y": LARGE}) is None

    assert copier.copy({"x": LARGE}) is not None
    copier.close(LIMIT_SECONDS)


def test_memory_stays_within_its_bound() -> None:
    copier = _copier(2 * LARGE.nbytes)
    held = [_wait_for_copy(copier, LARGE)[0] for _ in range(2)]

    assert _wait_for_copy(copier, LARGE, limit_seconds=0.1) == []

    copier.release(held)
    assert _wait_for_copy(copier, LARGE)[0].tolist() == LARGE.tolist()
    copier.close(LIMIT_SECONDS)


def test_free_memory_of_another_size_is_dropped_to_make_room() -> None:
    copier = _copier(2 * LARGE.nbytes)
    copier.release(_wait_for_copy(copier, LARGE[: SMALL_BYTES + 1]))
    larger = np.concatenate([LARGE, LARGE[:-8]])

    assert _wait_for_copy(copier, larger)[0].tolist() == larger.tolist()
    copier.close(LIMIT_SECONDS)


def test_arrays_of_other_origin_are_never_reused(copier: Copier) -> None:
    copier.release([LARGE, LARGE[::2], np.array([b"a"], object), np.array(1, np.float32)])

    assert copier.copy({"x": LARGE}) is None


def test_the_thread_copies_large_inputs(copier: Copier) -> None:
    copier.release(_wait_for_copy(copier, LARGE))

    copying = copier.start({"x": LARGE})
    assert copying.done.wait(LIMIT_SECONDS)
    copies = copier.finish(copying)

    assert copies is not None
    assert copies is copying.copies
    assert copies["x"].tolist() == LARGE.tolist()


def test_small_inputs_start_no_thread(copier: Copier) -> None:
    copies = copier.finish(copier.start({"x": np.ones(3)}))

    assert copies is not None
    assert copies["x"].tolist() == [1, 1, 1]
    assert not _thread_runs()


def test_the_caller_copies_what_the_thread_has_not_claimed(copier: Copier) -> None:
    copier.release(_wait_for_copy(copier, LARGE))
    with copier._changed:  # the thread cannot claim
        copying = copier.start({"x": LARGE})
        copies = copier.finish(copying)

    assert copies is not None
    assert copies["x"].tolist() == LARGE.tolist()
    assert copying.copies is None


def test_a_cancelled_copy_releases_its_memory() -> None:
    copier = _copier(LARGE.nbytes)
    copier.release(_wait_for_copy(copier, LARGE))
    copying = copier.start({"x": LARGE})
    assert copying.done.wait(LIMIT_SECONDS)

    copier.cancel(copying)

    assert copier.copy({"x": LARGE}) is not None
    copier.close(LIMIT_SECONDS)


def test_a_copy_without_memory_in_the_thread_is_none_for_the_caller() -> None:
    copier = _copier(LARGE.nbytes)
    held = _wait_for_copy(copier, LARGE)
    copying = copier.start({"x": LARGE})
    assert copying.done.wait(LIMIT_SECONDS)

    assert copier.finish(copying) is None

    copier.release(held)
    copier.close(LIMIT_SECONDS)


def test_memory_that_cannot_be_allocated_ends_no_thread(copier: Copier, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = threading.Event()

    def full(*_: object) -> None:
        failed.set()
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("turnout.rollout.shadow.copier.np.empty", full)
        assert copier.copy({"x": LARGE}) is None
        assert failed.wait(LIMIT_SECONDS)

    assert _wait_for_copy(copier, LARGE)[0].tolist() == LARGE.tolist()


def test_the_byte_rate_pays_its_debt_over_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr("turnout.rollout.shadow.copier.time", SimpleNamespace(monotonic=lambda: clock.now))
    rate = ByteRate(100)
    rate.charge(160)

    has_room = []
    for clock.now in (0.0, 1.0, 1.49, 1.51, 100.0):
        has_room.append(rate.has_room())
    rate.charge(10)

    assert has_room == [False, False, False, True, True]
    assert not rate.has_room()  # it saves up a tenth of a second only
