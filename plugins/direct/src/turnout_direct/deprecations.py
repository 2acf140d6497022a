"""What torch calls deprecated and we still need."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def torchscript_allowed() -> Iterator[None]:
    """Silence torch's word that ``torch.jit`` is deprecated (2.13): users' files stay, and torch's own compiler still uses it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is (deprecated|not supported)", DeprecationWarning)
        yield
