"""Pipelines over HTTP: ``/v1/pipelines``."""

from __future__ import annotations

from turnout_web.pipelines.routing import routes

__all__ = ["routes"]
