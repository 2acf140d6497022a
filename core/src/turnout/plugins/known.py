"""Distributions to install for plugins that are missing.

The only module of the core that names plugins: a plugin that is not installed cannot declare what it brings.
"""

from __future__ import annotations

from collections.abc import Mapping

_DISTRIBUTIONS: Mapping[str, Mapping[str, str]] = {
    "backend": {"direct": "turnout-direct", "onnxruntime": "turnout-onnxruntime", "triton": "turnout-triton"},
    "server": {"triton": "turnout-triton"},
    "step": dict.fromkeys(("load_image", "segment_regions", "caption", "answer"), "turnout-vision"),
    "export format": {"onnx": "turnout-direct", "torchscript": "turnout-direct", "generate": "turnout-triton"},
    "repository": {"triton": "turnout-triton"},
    "command": {"run": "turnout-vision", "triton": "turnout-triton"},
}


def install_hint(kind: str, name: str) -> str:
    """Return a sentence, after a space, that names the distribution to install for ``name``; empty if it is unknown.

    Args:
        kind: ``backend``, ``step``, ``export format``, ``repository`` or ``command``.
        name: the name in turnout.yaml or on the command line.
    """
    distribution = _DISTRIBUTIONS[kind].get(name)
    return f" It comes with {distribution}: pip install {distribution}." if distribution else ""


def install_commands(kind: str) -> str:
    """Return the commands that install every known ``backend`` or other kind, in one line."""
    return " or ".join(f"pip install {name}" for name in dict.fromkeys(_DISTRIBUTIONS[kind].values()))
