"""Models as KServe v2 over HTTP, with the extensions for binary data, classification, configuration and statistics."""

from __future__ import annotations

from turnout_web.kserve.routes import PROBES, routes

__all__ = ["PROBES", "routes"]
