from __future__ import annotations

import threading

from turnout_vision.pictures.memory_limit import MemoryLimit

WAIT_SECONDS = 10


def test_a_thread_waits_until_enough_is_given_back() -> None:
    memory, held = MemoryLimit(100), threading.Event()

    def hold() -> None:
        with memory.hold(60):
            held.set()

    with memory.hold(50):
        thread = threading.Thread(target=hold)
        thread.start()
        assert not held.wait(0.05)
    thread.join(WAIT_SECONDS)

    assert held.is_set()


def test_nothing_needs_no_memory() -> None:
    memory = MemoryLimit(100)

    with memory.hold(100), memory.hold(0):
        pass
