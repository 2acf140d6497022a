"""Meters whose counts are events of the traced request too."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from turnout.metrics.resilience import FallbackMeter, RetryMeter
from turnout.tracing.attributes import BACKEND, FALLBACK, FALLBACK_REASON, FALLBACK_TO, RETRY

if TYPE_CHECKING:
    from turnout.tracing.tracer import Tracer


def traced_fallbacks(tracer: Tracer | None, meter: FallbackMeter, first: str, other: str) -> FallbackMeter:
    """Return ``meter``, of requests that go from backend ``first`` to ``other``, with an event of each."""
    if tracer is None:
        return meter
    return FallbackMeter(
        {
            reason: _both(count, tracer, FALLBACK, {BACKEND: first, FALLBACK_TO: other, FALLBACK_REASON: reason})
            for reason, count in meter.fell_back.items()
        }
    )


def traced_retries(tracer: Tracer | None, meter: RetryMeter, backend: str) -> RetryMeter:
    """Return ``meter``, of requests that are sent to ``backend`` once more, with an event of each."""
    return meter if tracer is None else RetryMeter(_both(meter.retried, tracer, RETRY, {BACKEND: backend}))


def _both(count: Callable[[], object], tracer: Tracer, event: str, attributes: dict[str, str | int]) -> Callable[[], None]:
    def count_and_record() -> None:
        count()
        # The current span is that of the request: that of the attempt which failed has ended.
        tracer.add_event(event, attributes)

    return count_and_record
