"""A bound on what a class builds from a config: no more than the weights of its checkpoint can fill.

A config of a few bytes may ask for any number of layers of any width. transformers builds them all, and fills what the
checkpoint lacks with random numbers, before it says what was missing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from turnout.errors import ModelLoadError

if TYPE_CHECKING:
    import torch

_WEIGHTS = ("*.safetensors", "*.bin")
# Two elements a byte at 4 bits, and each twice: tied weights are built apart.
_ELEMENTS_PER_BYTE = 4
_SPARE_ELEMENTS = 1 << 24
# The name, the shape and the place of a tensor need more than that in any file.
_BYTES_PER_PART = 16
_SPARE_PARTS = 5_000


@contextmanager
def bound_weights(source: str, model: str) -> Iterator[None]:
    """Refuse in this thread to build more than the weights in the folder ``source`` can fill; a hub name has no bound.

    Raises:
        ModelLoadError: the config asks for more.
    """
    from torch.nn.modules import module

    folder = Path(source)
    if not folder.is_dir():
        yield
        return
    size = sum(file.stat().st_size for pattern in _WEIGHTS for file in folder.glob(pattern) if file.is_file())
    count = _Count(size, str(folder / "config.json"), model)
    handles = [
        module.register_module_parameter_registration_hook(count.add_parameter),
        module.register_module_module_registration_hook(count.add_module),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class _Count:
    """Counter of what one thread has built. The hooks are global: other threads may build other models meanwhile."""

    def __init__(self, size: int, config: str, model: str) -> None:
        self._thread = threading.get_ident()
        self._size, self._config, self._model = size, config, model
        self._elements, self._parts = 0, 0

    def add_parameter(self, _: torch.nn.Module, name: str, parameter: Any) -> None:
        if parameter is None or threading.get_ident() != self._thread:
            return
        # A weight that was read from the checkpoint replaces one that was counted.
        self._elements += parameter.numel() if parameter.is_meta else 0
        if self._elements > self._size * _ELEMENTS_PER_BYTE + _SPARE_ELEMENTS:
            self._refuse(f"weights of {self._elements:,} elements or more, at {name!r} of shape {list(parameter.shape)}")

    def add_module(self, *_: Any) -> None:
        if threading.get_ident() == self._thread:
            self._parts += 1
            if self._parts > self._size // _BYTES_PER_PART + _SPARE_PARTS:
                self._refuse(f"{self._parts:,} parts or more")

    def _refuse(self, asked: str) -> None:
        raise ModelLoadError(
            f"model {self._model!r}: {self._config!r} asks for {asked}, and the checkpoint's weights are {self._size:,} "
            "bytes; correct its sizes, or add the missing weights"
        )
