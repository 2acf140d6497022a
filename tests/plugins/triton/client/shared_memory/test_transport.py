"""Large tensors go through shared memory, in and out; where it is refused, over the wire."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.plugins.triton.client.urls import url_of
from tests.plugins.triton.client.waiting import until

from turnout import InferenceRequest, ModelDeclaration
from turnout.errors import InvalidRequestError, OverloadedError
from turnout_triton.client.connection_settings import ConnectionSettings
from turnout_triton.client.endpoints import parse_endpoint
from turnout_triton.client.failures import Callee, RegionRefusedError, failure
from turnout_triton.client.grpc.transport import GrpcTransport
from turnout_triton.client.http.transport import HttpTransport
from turnout_triton.client.messages import KServeRequest, KServeResponse
from turnout_triton.client.shared_memory import pool as pools
from turnout_triton.client.shared_memory import transport as transports
from turnout_triton.client.shared_memory.region import SharedMemoryRegion
from turnout_triton.client.shared_memory.transport import SharedMemoryTransport
from turnout_triton.inference import TritonInference
from turnout_triton.served_model import read_served_model

MEMORY = Path("/dev/shm")


class Watched:
    """A real transport; records requests and responses."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.requests: list[KServeRequest] = []
        self.responses: list[KServeResponse] = []

    def infer(self, request: KServeRequest, timeout_seconds: float) -> KServeResponse:
        self.requests.append(request)
        response = self.inner.infer(request, timeout_seconds)
        self.responses.append(response)
        return response

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class Sharing:
    """A model called through shared memory, with what goes over the wire."""

    def __init__(self, url: str, name: str, threshold_bytes: int) -> None:
        endpoint = parse_endpoint(url, name)
        kind = GrpcTransport if endpoint.speaks_grpc else HttpTransport
        self.wire = Watched(kind(endpoint, ConnectionSettings()))
        self.transport = SharedMemoryTransport(self.wire, threshold_bytes, url)
        served = read_served_model(self.transport, name, "", 20, ModelDeclaration(name))
        self.model = TritonInference(self.transport, served, name, 20)

    def infer(self, **inputs: np.ndarray) -> np.ndarray:
        return self.model.infer(InferenceRequest(inputs))["y"]

    def in_regions(self) -> list[bool]:
        """Return of each input of the last message whether it was in shared memory."""
        return [head.shared is not None for head in self.wire.requests[-1].heads]

    def out_sizes(self) -> list[int]:
        """Return the sizes of the data in the last response's message."""
        return [len(data) for data in self.wire.responses[-1].data.values()]


@pytest.fixture
def share(protocol) -> Iterator[Callable[..., Sharing]]:
    with ExitStack() as stack:

        def start(server: Any, name: str, threshold_bytes: int = 1000) -> Sharing:
            sharing = Sharing(url_of(server, protocol), name, threshold_bytes)
            stack.callback(sharing.model.close)
            return sharing

        yield start


def own_regions() -> list[Path]:
    return list(MEMORY.glob(f"turnout-{os.getpid()}-*"))


def ramp(count: int, start: int = 0) -> np.ndarray:
    return np.arange(start, start + count, dtype=np.float32)


def length(count: int) -> np.ndarray:
    return np.array([count], np.int32)


def test_large_tensors_use_shared_memory_and_small_ones_the_wire(odd_server, share) -> None:
    sharing = share(odd_server, "grows")

    for start in range(3):
        assert np.array_equal(sharing.infer(x=ramp(500, start), length=length(500)), ramp(500, start))

    assert sharing.in_regions() == [True, False]
    assert sum(sharing.out_sizes()) == 0
    assert len(sharing.wire.requests) == 3
    assert np.array_equal(sharing.infer(x=ramp(5), length=length(5)), ramp(5))
    assert sharing.in_regions() == [False, False]


def test_regions_are_private_to_the_user_carry_the_pid_and_are_reused(odd_server, share) -> None:
    before = set(own_regions())
    sharing = share(odd_server, "grows")
    for start in range(5):
        sharing.infer(x=ramp(500, start), length=length(500))
    made = set(own_regions()) - before

    assert len(made) == 2
    assert {file.stat().st_mode & 0o777 for file in made} == {0o600}
    assert {file.name for file in made} <= set(sharing.wire.registered_regions(5))

    sharing.model.close()
    other = share(odd_server, "grows")
    assert set(own_regions()) == before
    assert not {file.name for file in made} & set(other.wire.registered_regions(5))


def test_an_output_is_the_callers_own(odd_server, share) -> None:
    sharing = share(odd_server, "grows")
    kept = [sharing.infer(x=ramp(500, start), length=length(500)) for start in range(4)]

    kept[0][:] = -1

    assert [array[0] for array in kept] == [-1, 1, 2, 3]


def test_a_large_output_stays_the_callers_own_during_other_requests_and_after_close(odd_server, share) -> None:
    before = set(own_regions())
    sharing = share(odd_server, "grows")
    count = 300_000
    kept = [sharing.infer(x=ramp(count, start), length=length(count)) for start in range(6)]
    kept = [array[start:] for start, array in enumerate(kept)]
    for _ in range(20):
        assert np.array_equal(sharing.infer(x=ramp(count, 50), length=length(count)), ramp(count, 50))
    kept[3][:] = -1

    sharing.model.close()

    assert [array[0] for array in kept] == [0, 2, 4, -1, 8, 10]
    assert set(own_regions()) == before
    again = share(odd_server, "grows")
    assert np.array_equal(again.infer(x=ramp(count), length=length(count)), ramp(count))


def test_large_outputs_are_lent_and_their_regions_reused(odd_server, share) -> None:
    before = set(own_regions())
    sharing = share(odd_server, "grows")
    for start in range(6):
        answer = sharing.infer(x=ramp(300_000, start), length=length(300_000))
        assert answer[0] == start
        lent = len(sharing.transport._pool._leases._lent)
        assert lent == (1 if start else 0)  # the first response shows its size
        del answer

    assert len(set(own_regions()) - before) == 2


def test_outputs_that_grow_and_shrink_are_whole(odd_server, share) -> None:
    sharing = share(odd_server, "grows")

    for count in (500, 400, 600, 0, 300_000, 300_000, 200, 600_000, 500):
        before = len(sharing.wire.requests)
        assert np.array_equal(sharing.infer(x=ramp(500), length=length(count)), np.resize(ramp(500), count))
        assert len(sharing.wire.requests) - before <= 2  # one more where the region was too small


def test_tensors_without_elements_and_bytes_are_carried(odd_server, server, share) -> None:
    sharing = share(odd_server, "grows", threshold_bytes=0)
    texts = np.array([[b"", b"a\0", b"x" * 2_000_000]], dtype=object)
    datatypes = share(server, "datatypes", threshold_bytes=0)
    inputs = {name.name: np.empty((1, 3), name.dtype) for name in datatypes.model.signature().inputs}
    inputs["x_BYTES"] = texts

    for _ in range(2):
        assert sharing.infer(x=ramp(0), length=length(0)).shape == (0,)
        for array in (inputs[name] for name in inputs if name != "x_BYTES"):
            array.fill(0)
        assert datatypes.model.infer(InferenceRequest(inputs))["y_BYTES"].tolist() == texts.tolist()
        empty = {name: np.empty((0, 3), array.dtype) for name, array in inputs.items()}
        assert all(array.shape == (0, 3) for array in datatypes.model.infer(InferenceRequest(empty)).values())


def test_a_server_that_refuses_regions_is_called_over_the_wire_with_one_warning(odd_server, share, monkeypatch, caplog) -> None:
    class Unlinked(SharedMemoryRegion):
        def __init__(self, size_bytes: int) -> None:
            super().__init__(size_bytes)
            (MEMORY / self.name).unlink()

    monkeypatch.setattr(pools, "SharedMemoryRegion", Unlinked)
    sharing = share(odd_server, "grows")

    with caplog.at_level(logging.WARNING):
        for start in range(3):
            assert np.array_equal(sharing.infer(x=ramp(500, start), length=length(500)), ramp(500, start))

    assert [record.getMessage().count("Unable to open shared memory region") for record in caplog.records] == [1]
    assert sharing.in_regions() == [False, False]
    assert len(sharing.wire.requests) == 3


def test_a_server_that_refused_regions_is_asked_again_after_a_pause(odd_server, share, monkeypatch) -> None:
    monkeypatch.setattr(transports, "_FIRST_PAUSE_SECONDS", 0.05)
    sharing = share(odd_server, "grows")
    register = sharing.wire.inner.register_region
    refusals: list[str] = []

    def refuse(name: str, *arguments: Any) -> None:
        refusals.append(name)
        raise InvalidRequestError("Unable to open shared memory region")

    monkeypatch.setattr(sharing.wire.inner, "register_region", refuse)
    for start in range(20):
        assert np.array_equal(sharing.infer(x=ramp(500, start), length=length(500)), ramp(500, start))
    assert 1 <= len(refusals) <= 10  # of 20 requests; each pause is twice as long as the one before

    monkeypatch.setattr(sharing.wire.inner, "register_region", register)

    until(lambda: sharing.infer(x=ramp(500), length=length(500)) is not None and sharing.in_regions() == [True, False], 10)


def test_requests_that_are_refused_together_are_one_refusal(odd_server, share, monkeypatch) -> None:
    monkeypatch.setattr(transports, "_FIRST_PAUSE_SECONDS", 0.1)
    sharing = share(odd_server, "grows")
    together, asked = threading.Barrier(6), []

    def refuse(name: str, *arguments: Any) -> None:
        asked.append(name)
        if len(asked) <= 6:
            together.wait(10)
        raise InvalidRequestError("Unable to open shared memory region")

    monkeypatch.setattr(sharing.wire.inner, "register_region", refuse)
    callers = [threading.Thread(target=lambda: sharing.infer(x=ramp(500), length=length(500))) for _ in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(20)

    # Doubled by each of them, the pause would be 6 s by now.
    until(lambda: sharing.infer(x=ramp(500), length=length(500)) is not None and len(asked) > 6, 2)


def test_a_full_dev_shm_means_the_wire_and_is_retried(odd_server, share, monkeypatch, caplog) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    sharing = share(odd_server, "grows")
    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(os, "posix_fallocate", full)
        for start in range(3):
            assert np.array_equal(sharing.infer(x=ramp(500, start), length=length(500)), ramp(500, start))

    assert sharing.in_regions() == [False, False]
    assert ["No space left" in record.getMessage() for record in caplog.records] == [True]
    sharing.infer(x=ramp(500), length=length(500))
    assert sharing.in_regions() == [True, False]


def test_retired_regions_are_reclaimed_at_the_limit(odd_server, share, monkeypatch) -> None:
    monkeypatch.setattr(pools, "_MOST_BYTES", 2 << 20)
    sharing = share(odd_server, "grows")
    sharing.infer(x=ramp(500), length=length(500))
    pool = sharing.transport._pool
    for _ in range(2):
        region = pool.acquire(2000, "m", float("inf"))
        assert region is not None
        pool.retire(region)

    for start in range(3):
        assert np.array_equal(sharing.infer(x=ramp(500, start), length=length(500)), ramp(500, start))

    assert sharing.in_regions() == [True, False]


def unregisters(wire: Any, name: str) -> bool:
    """Return whether the server unregisters a region; it may answer a request before it releases the request's regions."""
    try:
        wire.unregister_region(name, 5)
    except RegionRefusedError:
        return False
    return True


def test_regions_that_were_removed_on_both_sides_are_replaced(odd_server, share) -> None:
    """As when /dev/shm is cleaned while the server restarts."""
    before = set(own_regions())
    sharing = share(odd_server, "grows")
    for start in range(2):
        sharing.infer(x=ramp(500, start), length=length(500))
    for file in set(own_regions()) - before:
        file.unlink()
        until(lambda name=file.name: unregisters(sharing.wire, name), 5)

    for start in range(4):
        assert np.array_equal(sharing.infer(x=ramp(500, start), length=length(500)), ramp(500, start))

    assert sharing.in_regions() == [True, False]


def test_a_server_without_memory_gets_the_memory_of_our_free_regions(odd_server, share, monkeypatch) -> None:
    """Its processes and our regions take from one /dev/shm, which has 64 MB in a container."""
    before = set(own_regions())
    sharing = share(odd_server, "grows")
    for start in range(2):
        sharing.infer(x=ramp(500, start), length=length(500))
    infer_on_server = sharing.wire.inner.infer

    def infer(request: KServeRequest, timeout_seconds: float) -> KServeResponse:
        if set(own_regions()) - before:
            said = "Failed to increase the shared memory pool size; use '--shm-size' to control the shared memory region size"
            raise failure("internal", said, Callee("grows", "triton"))
        return infer_on_server(request, timeout_seconds)

    monkeypatch.setattr(sharing.wire.inner, "infer", infer)

    assert np.array_equal(sharing.infer(x=ramp(500), length=length(500)), ramp(500))
    assert set(own_regions()) == before


def test_a_server_without_memory_is_overloaded_where_we_have_no_region_to_free(odd_server, share, monkeypatch) -> None:
    sharing = share(odd_server, "grows")

    def infer(request: KServeRequest, timeout_seconds: float) -> KServeResponse:
        raise failure("invalid", "Failed to increase the shared memory pool", Callee("grows", "triton"))

    with monkeypatch.context() as patched:
        patched.setattr(sharing.wire.inner, "infer", infer)
        with pytest.raises(OverloadedError, match="has too little shared memory"):
            sharing.infer(x=ramp(5), length=length(5))
    assert np.array_equal(sharing.infer(x=ramp(5), length=length(5)), ramp(5))


def test_a_refused_request_releases_its_regions(odd_server, share) -> None:
    sharing = share(odd_server, "fails")
    before = set(own_regions())

    for _ in range(5):
        with pytest.raises(InvalidRequestError):
            sharing.infer(z=ramp(500))
        assert np.array_equal(sharing.infer(x=ramp(500, 5)), ramp(500, 5))

    assert len(set(own_regions()) - before) == 2


DIES = """
import threading
import time
from turnout_triton.client.shared_memory.region import SharedMemoryRegion
region = SharedMemoryRegion(1 << 20)
print(region.name, flush=True)
time.sleep(60)
"""


def start_process() -> tuple[subprocess.Popen, str]:
    process = subprocess.Popen([sys.executable, "-c", DIES], stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def test_regions_of_killed_processes_are_swept_and_those_of_living_ones_stay(odd_server, share) -> None:
    dead, dead_region = start_process()
    living, living_region = start_process()
    with dead, living:
        first = share(odd_server, "grows")
        for name in (dead_region, living_region):
            first.wire.register_region(name, 1 << 20, "m", 5)
        dead.send_signal(signal.SIGKILL)
        dead.wait()

        sharing = share(odd_server, "grows")
        sharing.infer(x=ramp(500), length=length(500))

        known = sharing.wire.registered_regions(5)
        assert (dead_region in known, living_region in known) == (False, True)
        assert ((MEMORY / dead_region).exists(), (MEMORY / living_region).exists()) == (False, True)
        assert unregisters(first.wire, living_region)
        living.kill()
    (MEMORY / living_region).unlink()


def test_a_region_in_use_at_close_is_removed_when_it_is_released(odd_server, share) -> None:
    sharing = share(odd_server, "grows")
    region = sharing.transport._pool.acquire(2000, "m", float("inf"))
    assert region is not None

    sharing.transport._pool.close()
    sharing.transport._pool.release(region)

    assert not (MEMORY / region.name).exists()
    assert region.name not in sharing.wire.registered_regions(5)
