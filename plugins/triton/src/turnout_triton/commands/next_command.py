"""The command that a user types when a server is there."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from turnout.files.limits import SETTINGS
from turnout.files.regular import read_regular_text


def next_command(grpc_url: str) -> str:
    """Return the command that uses the server: by its variables, unless the turnout.yaml here reads none of them."""
    with suppress(OSError, ValueError):
        if "TRITON_URL" not in read_regular_text(Path("turnout.yaml"), SETTINGS):
            return "turnout status"
    return f"TRITON_URL={grpc_url} INFERENCE_BACKEND=triton turnout check --deep"
