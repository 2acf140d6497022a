from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from turnout_vision.pictures.decoding_memory import BYTES_PER_PIXEL, DecodingMemory

WAIT_SECONDS = 10


def test_pictures_are_decoded_together_only_within_the_limit() -> None:
    memory, started, release = DecodingMemory(100 * BYTES_PER_PIXEL), threading.Semaphore(0), threading.Event()

    def decode(pixels: int) -> None:
        with memory.hold(pixels):
            started.release()
            assert release.wait(WAIT_SECONDS)

    with ThreadPoolExecutor(3) as executor:
        running = [executor.submit(decode, 50) for _ in range(3)]
        assert started.acquire(timeout=WAIT_SECONDS)
        assert started.acquire(timeout=WAIT_SECONDS)
        assert not started.acquire(timeout=0.05)
        release.set()
        for each in running:
            each.result(WAIT_SECONDS)


def test_a_picture_above_the_limit_is_decoded_alone() -> None:
    memory = DecodingMemory(10)

    for _ in range(2):
        with memory.hold(1_000_000):
            pass


def test_an_error_gives_the_memory_back() -> None:
    memory = DecodingMemory(10)

    with pytest.raises(ValueError, match="broken"), memory.hold(10):
        raise ValueError("broken")
    with memory.hold(10):
        pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_does_not_wait_for_the_pictures_of_its_parent() -> None:
    memory = DecodingMemory(10)

    with memory.hold(10):
        child = os.fork()
        if child == 0:
            with memory.hold(10):
                os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
