"""Checks of transformers about its own tensors, which a graph cannot have.

A check of a tensor's values becomes an operator without an ONNX form; RT-DETRv2 and D-FINE compare sizes that way. transformers
reads this variable at each check. An export needs none of them: its file is compared with torch.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLE = "TRANSFORMERS_DISABLE_TORCH_CHECK"


@contextmanager
def without_checks() -> Iterator[None]:
    """Disable these checks while a file is written."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before
