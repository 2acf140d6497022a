from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from turnout.rollout.shadow.buffers import SMALL_BYTES, Buffers, NotPreparedError
from turnout.rollout.shadow.copier import Copier

LIMIT_SECONDS = 20
BIG = {"x": np.arange(SMALL_BYTES, dtype=np.uint8)}


@pytest.fixture
def buffers() -> Buffers:
    made = Buffers(10**9)
    with pytest.raises(NotPreparedError):
        made.copy(BIG)
    made.prepare()
    return made


@pytest.fixture
def copier(buffers: Buffers) -> Iterator[Copier]:
    made = Copier(buffers, "turnout-test-copy")
    yield made
    made.close(LIMIT_SECONDS)
    assert "turnout-test-copy" not in [thread.name for thread in threading.enumerate()]


def test_large_inputs_are_copied_in_a_thread(copier: Copier) -> None:
    copying = copier.begin(BIG)
    assert copying.done.wait(LIMIT_SECONDS)

    copies = copier.finish(copying)

    assert copies is copying.copies
    assert copies["x"].tolist() == BIG["x"].tolist()
    assert not np.shares_memory(copies["x"], BIG["x"])


def test_small_ones_are_not_worth_a_thread(copier: Copier) -> None:
    copies = copier.finish(copier.begin({"x": np.ones(3)}))

    assert copies["x"].tolist() == [1, 1, 1]
    assert "turnout-test-copy" not in [thread.name for thread in threading.enumerate()]


def test_what_the_thread_has_not_begun_the_caller_copies(copier: Copier) -> None:
    with copier._changed:  # the thread cannot begin
        copying = copier.begin(BIG)
        copies = copier.finish(copying)

    assert copies["x"].tolist() == BIG["x"].tolist()
    assert copying.copies is None


def test_a_cancelled_copy_gives_its_memory_back(copier: Copier, buffers: Buffers) -> None:
    copying = copier.begin(BIG)
    assert copying.done.wait(LIMIT_SECONDS)

    copier.cancel(copying)

    assert buffers.copy(BIG)["x"].tolist() == BIG["x"].tolist()


def test_a_copy_that_fails_in_the_thread_fails_where_it_is_wanted(copier: Copier, buffers: Buffers) -> None:
    buffers.copy(BIG)
    copying = copier.begin(BIG)
    assert copying.done.wait(LIMIT_SECONDS)

    with pytest.raises(NotPreparedError):
        copier.finish(copying)
