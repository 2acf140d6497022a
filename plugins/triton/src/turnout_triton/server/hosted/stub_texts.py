"""UTF-8 in a stub's Python, which starts with the locale C and an ASCII file system whatever the environment says.

The stub (core 2.51) initializes Python in isolated mode. Imported first by the copy of ``triton_python_backend_utils``.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import io
import locale
import os
import sys
from collections.abc import Callable
from typing import Any

_LOCALES = ("C.UTF-8", "C.utf8", "en_US.UTF-8", "")
_PATH_FUNCTIONS = [
    "access",
    "chdir",
    "chmod",
    "chown",
    "getxattr",
    "lchown",
    "link",
    "listdir",
    "lstat",
    "makedirs",
    "mkdir",
    "mkfifo",
    "open",
    "readlink",
    "remove",
    "rename",
    "replace",
    "rmdir",
    "scandir",
    "setxattr",
    "stat",
    "statvfs",
    "symlink",
    "truncate",
    "unlink",
    "utime",
]
_FUNCTION_SETS = (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks, os.supports_effective_ids)


def speak_utf8() -> None:
    """Make UTF-8 the encoding of ``open``, of the standard streams and of file names."""
    for name in _LOCALES:
        with contextlib.suppress(locale.Error):
            locale.setlocale(locale.LC_CTYPE, name)
            break
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    if sys.getfilesystemencoding() == "ascii":
        _encode_paths()


def _encode_paths() -> None:
    builtins.open = io.open = _with_encoded_paths(io.open)
    for name in _PATH_FUNCTIONS:
        function = getattr(os, name)
        encoded = _with_encoded_paths(function)
        setattr(os, name, encoded)
        for functions in _FUNCTION_SETS:
            if function in functions:
                functions.add(encoded)


def _with_encoded_paths(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        found = function(*map(_encode, arguments), **{name: _encode(value) for name, value in named.items()})
        return _decode(found)

    return call


def _encode(value: Any) -> Any:
    """Return a path in the form in which the ASCII file system gives its UTF-8 bytes to the system."""
    path = value.__fspath__() if hasattr(value, "__fspath__") else value
    if not isinstance(path, str) or path.isascii():
        return value
    return path.encode("utf-8", "surrogateescape").decode("ascii", "surrogateescape")


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(item) for item in value]
    if isinstance(value, str) and not value.isascii():
        return value.encode("ascii", "surrogateescape").decode("utf-8", "surrogateescape")
    return value


speak_utf8()
