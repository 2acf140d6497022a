"""The ``parameters`` of config.pbtxt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def parameters_of(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters of a config by name."""
    return {name: entry["string_value"] for name, entry in (config.get("parameters") or {}).items()}
