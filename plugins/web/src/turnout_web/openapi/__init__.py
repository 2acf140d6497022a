"""The OpenAPI 3.1 document of a server: ``/openapi.json``."""

from __future__ import annotations

from turnout_web.openapi.document import document
from turnout_web.openapi.routing import routes

__all__ = ["document", "routes"]
