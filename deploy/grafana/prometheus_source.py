"""The data of a Prometheus in a time range, as arrays."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from deploy.grafana.reading import fill

_POINTS = 200


@dataclass(frozen=True)
class Source:
    """A Prometheus, and the time range that is drawn."""

    url: str
    start: float
    end: float
    values: Mapping[str, str]

    @property
    def step(self) -> float:
        """Seconds between two points."""
        return max(1.0, (self.end - self.start) / _POINTS)

    def ask(self, expression: str) -> list[tuple[Mapping[str, str], np.ndarray, np.ndarray]]:
        """Return the labels, times and values of each series of a query."""
        asked = {"query": fill(expression, self.values), "start": self.start, "end": self.end, "step": self.step}
        found = self._get("query_range", asked)["result"]
        times = self.start + self.step * np.arange(int((self.end - self.start) / self.step) + 1)
        return [(one["metric"], times - self.start, _on(times, one["values"])) for one in found]

    def label_values(self, selector: str, label: str) -> list[str]:
        """Return the values of a label in the time range."""
        asked = {"match[]": fill(selector, self.values), "start": self.start, "end": self.end}
        found: list[str] = self._get(f"label/{label}/values", asked)
        return found

    def _get(self, path: str, asked: Mapping[str, object]) -> Any:
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(asked)}"
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310  # the operator's own address
            return json.load(answer)["data"]


def _on(times: np.ndarray, points: Sequence[tuple[float, str]]) -> np.ndarray:
    values = np.full(times.shape, np.nan)
    step = times[1] - times[0] if times.size > 1 else 1.0
    for at, value in points:
        values[round((at - times[0]) / step)] = float(value)
    return values
