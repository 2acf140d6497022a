"""The keys of ``metrics``: its buckets, and where a scrape is answered."""

from __future__ import annotations

from ipaddress import ip_address
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, Field

from turnout.settings.schema.base import SettingsModel, problem


def _check_edges(edges: tuple[float, ...]) -> tuple[float, ...]:
    if not all(lower < upper for lower, upper in pairwise(edges)):
        raise problem("must ascend: each edge is larger than the one before")
    return edges


def _check_address(address: str) -> str:
    try:
        ip_address(address)
    except ValueError:
        raise problem("must be an IP address of this machine, such as 127.0.0.1, or 0.0.0.0 for all of them") from None
    return address


Edges = Annotated[tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...], AfterValidator(_check_edges)]
"""The upper edges of a histogram's buckets; empty for those of Turnout."""


class MetricsSettings(SettingsModel):
    """Settings of the metrics."""

    port: int | None = Field(
        None, ge=1, le=65535, description="The port on which turnout.open answers scrapes, at /metrics; none by default."
    )
    address: Annotated[str, AfterValidator(_check_address)] = Field(
        "127.0.0.1", description="The IP address that `port` is opened on; 0.0.0.0 for all addresses of this machine."
    )
    latency_buckets_seconds: Edges = Field(
        default_factory=tuple,
        min_length=1,
        description="Upper edges of the latency histograms in seconds, ascending; Turnout's own by default.",
    )
    step_buckets_seconds: Edges = Field(
        default_factory=tuple,
        min_length=1,
        description="Upper edges of the histograms of steps in seconds, ascending; Turnout's own, which are fewer, by default.",
    )
    gpu: bool = Field(
        False, description="Read utilization, memory and power of NVIDIA's GPUs at each scrape; needs nvidia-ml-py."
    )
