"""Distributions to install for plugins that are missing.

The only module of the core that names plugins: a plugin that is not installed cannot declare what it brings.
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

_DISTRIBUTIONS: Mapping[str, Mapping[str, str]] = {
    "backend": {"direct": "turnout-direct", "onnxruntime": "turnout-onnxruntime", "triton": "turnout-triton"},
    "server": {"triton": "turnout-triton"},
    "step": dict.fromkeys(
        (
            "load_image",
            "detect",
            "segment_regions",
            "caption",
            "answer",
            "classify",
            "embed",
            "match_text",
            "segment",
            "estimate_depth",
            "find_text",
            "turn_text",
            "read_text",
        ),
        "turnout-vision",
    ),
    "export format": {"onnx": "turnout-direct", "torchscript": "turnout-direct", "generate": "turnout-triton"},
    "checkpoint": {"config.json": "turnout-direct"},
    "repository": {"triton": "turnout-triton"},
    "command": {
        "deploy": "turnout-deploy",
        "run": "turnout-vision",
        "scan": "turnout-scan",
        "serve": "turnout-web",
        "triton": "turnout-triton",
    },
}

COMMAND_SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Start": ("scan", "init", "adopt", "check", "run", "serve", "models", "status"),
    "Move a model": ("export", "record", "verify", "bench", "switch"),
    "Operate": ("health", "metrics", "deploy"),
    "Tools": ("plugins", "schema", "triton"),
}
"""The commands by the way that a user goes.

Another plugin's command has its section as the attribute ``help_section``, or is in the last one, Other.
"""

COMMAND_EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "init": (
        "turnout init",
        "turnout init model.onnx",
        "turnout init --from-repository model_repository",
    ),
    "adopt": (
        "turnout adopt examples/checkpoints/segmenter --option trust_remote_code=true",
        "turnout adopt model.onnx --dry-run",
        "turnout adopt model_repository --json",
    ),
    "check": (
        "turnout check",
        "turnout check --deep",
        "turnout check --config other.yaml --json",
    ),
    "models": (
        "turnout models",
        "turnout models --json",
    ),
    "status": (
        "turnout status",
        "turnout status birefnet",
    ),
    "health": (
        "turnout health",
        "turnout health --url http://localhost:8000 --json",
    ),
    "export": (
        "turnout export birefnet",
        "turnout export birefnet --format onnx --repository exported",
        "turnout export birefnet --config-only",
    ),
    "record": (
        "turnout record birefnet photo.jpg",
        "turnout record birefnet pictures --pipeline describe --requests 200",
    ),
    "verify": (
        "turnout verify",
        "turnout verify birefnet --against onnxruntime",
        "turnout verify birefnet --recording recordings --save worst",
    ),
    "bench": (
        "turnout bench",
        "turnout bench describe pictures",
        "turnout bench birefnet --against onnxruntime --concurrency 1,8,32",
        "turnout bench birefnet --rate 50,100,200 --duration 10",
    ),
    "switch": (
        "turnout switch birefnet onnxruntime",
        "turnout switch birefnet triton --weight 0.1",
        "turnout switch birefnet --version 2",
        "turnout switch birefnet --back",
    ),
    "metrics": (
        "turnout metrics --folder metrics",
        "turnout metrics --folder metrics --port 9464",
    ),
    "plugins": (
        "turnout plugins",
        "turnout plugins --traceback",
    ),
    "schema": ("turnout schema > turnout.schema.json",),
}
"""Command lines for the help of Turnout's own commands, on the demo's models."""


def install_hint(kind: str, name: str) -> str:
    """Return a sentence, after a space, that names the distribution to install for ``name``; empty if it is unknown.

    Args:
        kind: ``backend``, ``step``, ``export format``, ``checkpoint``, ``repository`` or ``command``.
        name: the name in turnout.yaml or on the command line.
    """
    owner = _DISTRIBUTIONS[kind].get(name)
    return f" It comes with {owner}: {pip_install(owner)}." if owner else ""


def install_command(kind: str, name: str) -> str | None:
    """Return the command that installs ``name``; None if it is unknown. Takes the same as ``install_hint``."""
    owner = _DISTRIBUTIONS[kind].get(name)
    return pip_install(owner) if owner else None


def install_commands(kind: str, present: Iterable[str] = ()) -> str:
    """Return the commands that install every known ``backend`` or other kind, in one line.

    Those of the names ``present``, which are installed, are left out; empty if no others are known.
    """
    owners = _DISTRIBUTIONS[kind]
    installed = {owners[name] for name in present if name in owners}
    return " or ".join(pip_install(name) for name in dict.fromkeys(owners.values()) if name not in installed)


def pip_install(name: str) -> str:
    """Return the command that installs the distribution ``name`` here: from the checkout of the core, if it came from one."""
    folder = _checkout() / "plugins" / name.removeprefix("turnout-")
    if not (folder / "pyproject.toml").is_file():
        return f"{_pip()} install {name}"
    here = Path.cwd()
    shown = f"./{folder.relative_to(here)}" if folder.is_relative_to(here) else str(folder)
    return f"{_pip()} install {shlex.quote(shown)}"


def _checkout() -> Path:
    """Return the folder above the core's sources; a folder that does not exist if the core came from a package index."""
    with suppress(PackageNotFoundError, ValueError, KeyError, TypeError):
        origin = json.loads(distribution("turnout").read_text("direct_url.json") or "")
        parts = urlsplit(origin["url"])
        if parts.scheme == "file":
            return Path(unquote(parts.path)).parent
    return Path("/nonexistent")


def _pip() -> str:
    """Return how pip of this Python is typed: plain, if that is the one that the shell finds."""
    python = Path(sys.executable)
    found = shutil.which("pip")
    return "pip" if found and Path(found).parent == python.parent else f"{shlex.quote(sys.executable)} -m pip"
