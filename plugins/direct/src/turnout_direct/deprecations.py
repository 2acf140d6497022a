"""What torch calls deprecated and we still need."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def torchscript_allowed() -> Iterator[None]:
    """Silence the warnings that ``torch.jit`` is deprecated (torch 2.13): users' files stay, and torch itself still uses it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is (deprecated|not supported)", DeprecationWarning)
        yield
