"""Health of an app: what serves each model, whether a request sent now would be answered, and why not."""

from __future__ import annotations

from turnout.health.asgi import AsgiApp, asgi_app
from turnout.health.pages import PATHS, HealthPage, health_page
from turnout.health.report import ArmHealth, Health, ModelHealth
from turnout.health.wsgi import WsgiApp, wsgi_app

__all__ = [
    "PATHS",
    "ArmHealth",
    "AsgiApp",
    "Health",
    "HealthPage",
    "ModelHealth",
    "WsgiApp",
    "asgi_app",
    "health_page",
    "wsgi_app",
]
