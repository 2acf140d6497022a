"""Panics of libraries in Rust, such as tokenizers, which a broken file may cause."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def panics_as_errors() -> Iterator[None]:
    """Raise RuntimeError for a panic: its own class is no Exception, so it would pass everything that handles errors."""
    try:
        yield
    except BaseException as error:
        # Each library has a class of its own, which none of them exports.
        if type(error).__name__ != "PanicException":
            raise
        raise RuntimeError(f"a library panicked: {error}") from error
