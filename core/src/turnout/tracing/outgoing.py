"""The trace context of the present execution, for a backend on another machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Headers = tuple[tuple[str, str], ...]
"""Names in lower case, and values in printable ASCII, as HTTP and gRPC both carry them."""

NO_HEADERS: Headers = ()


class Outgoing:
    """The function that reads the present execution; None until an app of this process is traced."""

    headers: Callable[[Mapping[str, str | int]], Headers] | None = None


def outgoing_headers(server: Mapping[str, str | int]) -> Headers:
    """Return W3C's ``traceparent`` and ``tracestate`` of the execution that runs now; none where it is not traced.

    Call it in the thread or task that ``infer`` was called in, for each attempt to send the request. ``server`` is recorded on
    the span of the execution: attributes by the semantic conventions of OpenTelemetry, such as ``server.address``.
    """
    read = Outgoing.headers
    return NO_HEADERS if read is None else read(server)
