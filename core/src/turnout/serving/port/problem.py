"""Why a port cannot be opened, in words."""

from __future__ import annotations

import errno
from collections.abc import Mapping

_REASONS: Mapping[int, str] = {
    errno.EADDRINUSE: "another process listens there",
    errno.EADDRNOTAVAIL: "this machine has no such address",
    errno.EACCES: "this user may not open it, as ports below 1024 belong to root",
}


def port_problem(asked: str, address: str, port: int, error: OSError, step: str, *, own: bool = False) -> str:
    """Return the message about ``port`` of ``address``, for which ``asked`` asks; ``step`` is what the user does.

    The name ``own`` is for a port on which this process listens itself.
    """
    reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
    if own and error.errno == errno.EADDRINUSE:
        reason = "another app of this process listens there"
    return f"{asked} {port} cannot be opened on {address}: {reason}; {step}"
