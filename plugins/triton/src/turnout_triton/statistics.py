"""The statistics of a model on its servers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import add
from typing import Any

from turnout import ModelDeclaration, ServerStatistics
from turnout_triton.client.connection_settings import connection_settings
from turnout_triton.client.endpoints import parse_endpoint
from turnout_triton.client.server_transport import open_server_transport
from turnout_triton.options import TritonOptions

_SECONDS = 5.0
_PER_SECOND = 1e9
_COMPUTE = ("compute_input", "compute_infer", "compute_output")


def read_statistics(model: ModelDeclaration, options: TritonOptions) -> ServerStatistics:
    """Return what the servers of ``options`` have counted for the model, together; blocks.

    Raises:
        TurnoutError: a server does not answer, or has no statistics.
    """
    connection, name = connection_settings(options, model.folder), options.model or model.name
    found: list[ServerStatistics] = []
    for url in options.urls:
        transport = open_server_transport(parse_endpoint(url, model.name), connection)
        try:
            described = transport.statistics(name, options.asked_version(model), min(options.timeout_seconds, _SECONDS))
        finally:
            transport.close()
        found += [_read_version(version) for version in described.get("model_stats", ())]
    return reduce(add, found, ServerStatistics())


def _read_version(counted: Mapping[str, Any]) -> ServerStatistics:
    """Return the sums of one version; gRPC's JSON form leaves zeros out, and has numbers as text."""
    times = counted.get("inference_stats", {})
    batches = {
        int(batch["batch_size"]): (_number(batch.get("compute_infer"), "count"), _seconds(batch.get("compute_infer")))
        for batch in counted.get("batch_stats", ())
    }
    return ServerStatistics(
        _number(times.get("success"), "count"),
        _seconds(times.get("queue")),
        sum(_seconds(times.get(part)) for part in _COMPUTE),
        batches,
    )


def _number(duration: Mapping[str, Any] | None, key: str) -> int:
    return int((duration or {}).get(key, 0))


def _seconds(duration: Mapping[str, Any] | None) -> float:
    return _number(duration, "ns") / _PER_SECOND
