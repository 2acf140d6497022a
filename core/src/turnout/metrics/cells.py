"""Cells of metrics in an open app, whose folder of the multi-process mode may be lost."""

from __future__ import annotations

from typing import Any

from prometheus_client.metrics import MetricWrapperBase

from turnout.metrics.process_files import is_multiprocess, log_once


class NoCell:
    """Takes the place of a counter, gauge or histogram whose file cannot be opened, and records nothing."""

    def inc(self, *_: object) -> None:
        """Do nothing."""

    dec = set = observe = observe_many = inc


class TolerantLabels(MetricWrapperBase):
    """A family whose ``labels`` fails no request: prometheus_client opens the file of a kind at its first cell."""

    def labels(self, *values: object, **named: object) -> Any:
        """Return the cell for the values; one that records nothing, which is logged once, if its file cannot be opened."""
        try:
            return super().labels(*values, **named)
        except OSError as error:
            if not is_multiprocess():
                raise
            log_once(error)
            return NoCell()
