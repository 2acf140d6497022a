"""OpenTelemetry spans: the only package that imports opentelemetry, and only where tracing is on.

Public for plugins: a backend on another machine sends ``outgoing_headers`` with each request, and a server runs each request in
the ``caller_context`` of its headers.
"""

from __future__ import annotations

from turnout.tracing.incoming import caller_context
from turnout.tracing.outgoing import NO_HEADERS, Headers, outgoing_headers

__all__ = ["NO_HEADERS", "Headers", "caller_context", "outgoing_headers"]
