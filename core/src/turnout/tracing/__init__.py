"""OpenTelemetry spans: the only package that imports opentelemetry, and only where tracing is on.

Public for plugins: a backend on another machine sends ``outgoing_headers`` with each request.
"""

from __future__ import annotations

from turnout.tracing.outgoing import NO_HEADERS, Headers, outgoing_headers

__all__ = ["NO_HEADERS", "Headers", "outgoing_headers"]
