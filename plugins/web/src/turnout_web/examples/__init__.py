"""Complete requests of each pipeline and model, to send as they are."""

from __future__ import annotations

from turnout_web.examples.routing import routes

__all__ = ["routes"]
