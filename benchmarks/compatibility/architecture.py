"""What is tried of one architecture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SEED = 7
Sizes = Mapping[str, tuple[int, ...]]
"""The shape of each input without its batch axis."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """A class of transformers with a small config.

    Attributes:
        name: the class.
        task: the group of the page.
        config: the arguments of its config, with ``model_type``; a nested config is a mapping.
        inputs: the inputs as turnout.yaml declares them, with fixed sizes.
        free: the same with -1 on each axis whose size a request may choose; empty if every size is fixed by the config.
        other_sizes: sizes for ``free`` that no exporter tries.
        integers: the values of integer inputs: the first, and the one after the last.
        first_tokens: the tokens at the start of each row of an integer input.
        returns: the outputs that are compared; all by default.
        generate: the arguments of ``generate``; None is a model whose ``forward`` is called.
        factory: ``module:function`` that builds it, for a class that transformers does not have.
        seed: the seed of its weights.
        parts: the classes inside, where several architectures have the same class.
    """

    name: str
    task: str
    config: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    free: Mapping[str, str] = field(default_factory=dict)
    other_sizes: tuple[Sizes, ...] = ()
    integers: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    first_tokens: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    returns: Mapping[str, int | str] = field(default_factory=dict)
    generate: Mapping[str, Any] | None = None
    factory: str = ""
    seed: int = SEED
    parts: str = ""

    @property
    def title(self) -> str:
        """The row of the page."""
        return f"{self.name} ({self.parts})" if self.parts else self.name


def of_pictures(
    name: str, task: str, config: Mapping[str, Any], *, side: int = 64, channels: int = 3, **more: Any
) -> Architecture:
    """Return an architecture whose only input is ``pixel_values``, with free height and width."""
    return Architecture(
        name,
        task,
        config,
        inputs={"pixel_values": f"FP32[{channels},{side},{side}]"},
        free={"pixel_values": f"FP32[{channels},-1,-1]"},
        other_sizes=tuple({"pixel_values": (channels, *size)} for size in ((side, 96), (160, 224))),
        **more,
    )
