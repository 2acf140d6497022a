"""The command that a user types when a server is there."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def next_command(grpc_url: str) -> str:
    """Return the command that uses the server: by its variables, unless the turnout.yaml here reads none of them."""
    with suppress(OSError, ValueError):
        if "TRITON_URL" not in Path("turnout.yaml").read_text("utf-8"):
            return "turnout status"
    return f"TRITON_URL={grpc_url} INFERENCE_BACKEND=triton turnout check --deep"
