"""An app with one model on a real server, and its metrics."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from turnout.metrics import FallbackReason, Metrics, Outcome, Verdict
from turnout.plugins.discovery import Plugins
from turnout.serving.entry import open as open_app

_PLUGINS = {"triton": "turnout_triton.plugin", "local": "tests.plugins.triton.chaos.local_plugin"}
FALLS_BACK: Mapping[str, Any] = {"fallback": "local"}


class Stack:
    """The app of a turnout.yaml with the model ``name`` on ``url``; ``settings`` are more keys of that model.

    Where a ``file`` is given, that is the turnout.yaml.
    """

    def __init__(
        self,
        url: str,
        settings: Mapping[str, Any] | None = None,
        *,
        name: str = "identity",
        triton: Mapping[str, Any] | None = None,
        file: Path | None = None,
    ) -> None:
        self.name = name
        self._metrics = Metrics()
        backends = {"triton": {"url": url, **(triton or {})}, "local": {}}
        model = {"backend": "triton", "backends": backends, **(settings or {})}
        plugins = Plugins([EntryPoint(kind, module, "turnout") for kind, module in _PLUGINS.items()])
        self.app = open_app(file or {"models": {name: model}}, plugins=plugins, metrics=self._metrics)
        self.model = self.app.model(name)

    def answered(self, backend: str) -> int:
        """Return the number of requests that the arm of ``backend`` has answered."""
        return self._requests(backend, "ok")

    def attempts(self, backend: str) -> int:
        """Return the number of requests that were sent to the arm of ``backend``."""
        return sum(self._requests(backend, outcome) for outcome in Outcome)

    def refused(self, backend: str) -> int:
        """Return the number of requests that the open circuit of ``backend`` has refused."""
        return self._value("turnout_refused_requests_total", backend=backend, reason="circuit_open")

    def fell_back(self) -> int:
        """Return the number of requests that fell back to ``local``."""
        labels = {"backend": "triton", "to": "local"}
        return sum(self._value("turnout_fallbacks_total", reason=reason, **labels) for reason in FallbackReason)

    def verdicts(self) -> dict[str, int]:
        """Return the number of comparisons with the server as a shadow, by verdict."""
        labels = {"backend": "local", "shadow": "triton"}
        return {verdict: self._value("turnout_shadow_comparisons_total", verdict=verdict, **labels) for verdict in Verdict}

    def check_counters(self, sent: int) -> None:
        """Fail unless every one of ``sent`` requests is counted, once, where it went."""
        retries = self._value("turnout_retries_total", backend="triton")
        assert self.attempts("triton") + self.refused("triton") == sent + retries
        assert self.attempts("local") + self.refused("local") == self.fell_back()
        assert self._value("turnout_inference_in_flight", backend="triton") == 0
        assert self._value("turnout_inference_in_flight", backend="local") == 0

    def _requests(self, backend: str, outcome: str) -> int:
        return self._value("turnout_inference_requests_total", backend=backend, outcome=outcome)

    def _value(self, name: str, **labels: str) -> int:
        return int(self._metrics.registry.get_sample_value(name, {"model": self.name, **labels}) or 0)
