"""Values as a panel shows them: Grafana's units."""

from __future__ import annotations

import math

_SUFFIXES = {"reqps": " req/s", "Bps": "B/s", "bytes": "B", "watt": " W"}
_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def text_of(value: float, unit: str) -> str:
    """Return a value with its unit, three digits long."""
    if math.isnan(value):
        return "-"
    if unit == "percentunit":
        return f"{100 * value:.3g} %"
    if unit == "s":
        return _seconds(value)
    if unit == "sci":
        return f"{value:.0e}"
    if unit == "bool_yes_no":
        return "Yes" if value else "No"
    suffix = unit.removeprefix("suffix:") if unit.startswith("suffix:") else _SUFFIXES.get(unit, "")
    for size, prefix in _PREFIXES:
        if abs(value) >= 10 * size or (suffix.startswith("B") and abs(value) >= size):
            return f"{value / size:.3g} {prefix}{suffix.strip()}"
    return f"{value:.3g}{suffix}" if abs(value) < 1000 else f"{value:.0f}{suffix}"


def _seconds(value: float) -> str:
    if value == 0 or abs(value) >= 1:
        return f"{value:.3g} s"
    return f"{1e3 * value:.3g} ms" if abs(value) >= 1e-3 else f"{1e6 * value:.3g} us"
