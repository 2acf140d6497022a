"""Metrics of what backends report of themselves: versions, servers, bytes."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from turnout.metrics.backends import BackendMetrics
from turnout.metrics.labels import Direction, Transport


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def info(registry: CollectorRegistry) -> Mapping[tuple[str, str], float]:
    """Return the value of each version and SHA-256 of the only arm."""
    [family] = [one for one in registry.collect() if one.name == "turnout_model_info"]
    return {(sample.labels["version"], sample.labels["sha256"]): sample.value for sample in family.samples}


def replicas(registry: CollectorRegistry) -> Mapping[str, float]:
    [family] = [one for one in registry.collect() if one.name == "turnout_replica_up"]
    return {sample.labels["replica"]: sample.value for sample in family.samples}


def test_the_version_before_goes_to_0_when_another_answers(registry: CollectorRegistry) -> None:
    meter = BackendMetrics(registry).meter("m", "b", remote=False)

    meter.serve("1", "aa")
    meter.serve("2", "bb")

    assert info(registry) == {("1", "aa"): 0, ("2", "bb"): 1}
    meter.serve("1", "aa")
    assert info(registry) == {("1", "aa"): 1, ("2", "bb"): 0}


def test_of_two_open_models_of_one_arm_the_newer_is_shown(registry: CollectorRegistry) -> None:
    metrics = BackendMetrics(registry)
    old, new = (metrics.meter("m", "b", remote=False) for _ in range(2))
    old.serve("1", "")
    new.serve("2", "")

    old.serve("3", "")
    old.close()

    assert info(registry) == {("1", ""): 0, ("2", ""): 1}
    new.close()
    new.close()
    assert info(registry) == {("1", ""): 0, ("2", ""): 0}


def test_a_server_cannot_fill_the_memory_with_versions(registry: CollectorRegistry) -> None:
    meter = BackendMetrics(registry).meter("m", "b", remote=True)

    for number in range(10_000):
        meter.serve(str(number), "")

    assert len(info(registry)) == 64


def test_servers_that_left_the_list_of_urls_have_no_series(registry: CollectorRegistry) -> None:
    metrics = BackendMetrics(registry)
    old = metrics.meter("m", "b", remote=True)
    for place in (0, 1):
        old.set_replica(place, place == 0)
    before = replicas(registry)

    new = metrics.meter("m", "b", remote=True)
    unopened = replicas(registry)
    new.set_replica(0, True)

    assert before == unopened == {"0": 1, "1": 0}
    assert replicas(registry) == {"0": 1}
    new.close()
    assert replicas(registry) == {"0": 1, "1": 0}
    old.close()
    assert replicas(registry) == {}


def test_bytes_are_counted_by_their_way(registry: CollectorRegistry) -> None:
    metrics = BackendMetrics(registry)
    meter = metrics.meter("m", "b", remote=True)
    again = metrics.meter("m", "b", remote=True)

    meter.transferred[Transport.WIRE, Direction.SENT](700)
    again.transferred[Transport.WIRE, Direction.SENT](300)
    meter.transferred[Transport.SHARED_MEMORY, Direction.RECEIVED](2**20)
    metrics.fold()

    def count(transport: str, direction: str) -> float | None:
        labels = {"model": "m", "backend": "b", "transport": transport, "direction": direction}
        return registry.get_sample_value("turnout_transfer_bytes_total", labels)

    assert [count("wire", "sent"), count("wire", "received")] == [1000, 0]
    assert [count("shared_memory", "sent"), count("shared_memory", "received")] == [0, 2**20]


def test_a_backend_in_this_process_has_no_series_of_bytes(registry: CollectorRegistry) -> None:
    meter = BackendMetrics(registry).meter("m", "b", remote=False)

    assert not meter.transferred
    assert registry.get_sample_value("turnout_transfer_bytes_total") is None


def test_several_processes_add_up_and_a_server_that_left_is_no_outage(tmp_path: Path) -> None:
    code = """
        import os, sys
        from turnout.metrics import Metrics
        from turnout.metrics.labels import Direction, Transport
        metrics = Metrics()
        rendered, written = os.pipe(), os.pipe()
        if not os.fork():
            meter = metrics.backends.meter("m", "b", remote=True)
            meter.serve("2", "bb")
            meter.set_replica(0, False)
            meter.set_replica(1, True)
            meter.transferred[Transport.WIRE, Direction.SENT](5)
            metrics.backends.meter("m", "b", remote=True).set_replica(0, True)
            metrics.backends.meter("other", "b", remote=True).set_replica(0, False)
            os.write(written[1], b"1")
            os.read(rendered[0], 1)  # a dead process has no gauges
            os._exit(0)
        os.read(written[0], 1)
        metrics.backends.meter("m", "b", remote=True).transferred[Transport.WIRE, Direction.SENT](7)
        print(metrics.render())
        os.write(rendered[1], b"1")
        os.wait()
    """
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=environment, capture_output=True, text=True, check=True, timeout=60
    )

    for line in (
        'turnout_model_info{backend="b",model="m",sha256="bb",version="2"} 1.0',
        'turnout_replica_up{backend="b",model="m",replica="0"} 1.0',
        'turnout_replica_up{backend="b",model="m",replica="1"} NaN',
        'turnout_replica_up{backend="b",model="other",replica="0"} 0.0',
        'turnout_transfer_bytes_total{backend="b",direction="sent",model="m",transport="wire"} 12.0',
    ):
        assert line in done.stdout
