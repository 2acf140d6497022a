"""The device that the parts of the GPU check run on, and their sizes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from bars import Measured

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [ROOT / "core/src", *sorted(ROOT.glob("plugins/*/src"))]


class NotRunError(Exception):
    """The reason why a part, or a piece of it, cannot run here."""


@dataclass(frozen=True, slots=True)
class Place:
    """A device of torch with the sizes that fit it.

    Attributes:
        device: ``cuda``, or ``cpu`` in a dry run.
        size: ``base`` for the sizes that users run, ``tiny`` for a dry run.
    """

    device: str
    size: str

    @property
    def dry(self) -> bool:
        """True if this only shows that the part runs."""
        return self.size == "tiny"

    @property
    def seconds(self) -> float:
        """The seconds of a turn."""
        return 0.2 if self.dry else 2.0

    @property
    def rounds(self) -> int:
        """The number of turns of each side."""
        return 1 if self.dry else 3

    @property
    def calls(self) -> int:
        """The number of calls behind a latency."""
        return 2 if self.dry else 30

    @property
    def callers(self) -> int:
        """The number of requests in flight."""
        return 4 if self.dry else 32

    def vit(self, **options: Any) -> dict[str, Any]:
        """Return the settings of a ViT with random weights: ``pixel_values`` -> ``last_hidden_state``."""
        return self._model("vit", options) | {"max_batch_size": 32}

    def blip(self, **options: Any) -> dict[str, Any]:
        """Return the settings of a BLIP captioner with random weights."""
        return self._model("blip", {"method": "generate", "generate": {"max_new_tokens": 20}, **options}) | {
            "max_batch_size": 32
        }

    def _model(self, function: str, options: dict[str, Any]) -> dict[str, Any]:
        direct = {"loader": "factory", "factory": f"gpu_parts.models:{function}", "arguments": {"size": self.size}}
        # Several models with all cores each would be slower than one.
        threads = {"threads": 1} if self.device == "cpu" and self.dry else {}
        return {"backend": "direct", "backends": {"direct": {**direct, "device": self.device, **threads, **options}}}


@dataclass(frozen=True, slots=True)
class Result:
    """What a part found.

    Attributes:
        measured: figures with their bars.
        notes: what else belongs in the record, such as pieces that did not run.
    """

    measured: Sequence[Measured]
    notes: Sequence[str] = ()


def use_sources() -> None:
    """Import Turnout and its plugins from this repository, installed or not."""
    sys.path[:0] = [str(folder) for folder in SOURCES if str(folder) not in sys.path]
    os.environ.setdefault("HF_HUB_OFFLINE", "1")


def plugins() -> Any:
    """Return the plugins of this repository that need no server."""
    from turnout.plugins.discovery import Plugins

    names = ("direct", "onnxruntime", "vision")
    return Plugins([EntryPoint(name, f"turnout_{name}.plugin", "turnout") for name in names])


def open_app(models: dict[str, Any], **more: Any) -> Any:
    """Return an app of ``models`` with metrics of its own."""
    import turnout
    from turnout.metrics import Metrics

    return turnout.open({"models": models, **more}, plugins=plugins(), metrics=Metrics())
