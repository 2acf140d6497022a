"""Deprecation warnings of torch that do not concern the user."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def allow_torchscript() -> Iterator[None]:
    """Silence the warnings that ``torch.jit`` is deprecated (torch 2.13): users keep such files, and torch itself uses it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is (deprecated|not supported)", DeprecationWarning)
        yield
