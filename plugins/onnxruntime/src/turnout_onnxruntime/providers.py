"""Execution providers of a session."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from turnout.errors import ModelLoadError
from turnout_onnxruntime.options import ProviderOptions, scalar_text

logger = logging.getLogger(__name__)

Providers = list[tuple[str, dict[str, str]]]

CPU: Providers = [("CPUExecutionProvider", {})]

_WHEELS = {
    "CUDAExecutionProvider": "onnxruntime-gpu",
    "TensorrtExecutionProvider": "onnxruntime-gpu",
    "DmlExecutionProvider": "onnxruntime-directml",
    "OpenVINOExecutionProvider": "onnxruntime-openvino",
    "QNNExecutionProvider": "onnxruntime-qnn",
}
# It runs models on a remote service, so ``auto`` never includes it.
_REMOTE = "AzureExecutionProvider"
_SUFFIX = "executionprovider"


def choose_providers(
    option: Literal["auto"] | Sequence[str | dict[str, ProviderOptions]], runtime: Any, model: str
) -> Providers:
    """Return names and options of the providers for a session.

    Raises:
        ModelLoadError: the installed wheel does not have a provider.
    """
    available = runtime.get_available_providers()
    if option == "auto":
        return [(name, {}) for name in available if name != _REMOTE]
    chosen: Providers = []
    for entry in option:
        named = {entry: {}} if isinstance(entry, str) else entry
        chosen += [(name, {key: scalar_text(value) for key, value in options.items()}) for name, options in named.items()]
    if not chosen:
        raise ModelLoadError(f"model {model!r}: 'providers' is empty; write 'auto' or some of: {', '.join(available)}")
    for name, _ in chosen:
        if name not in available:
            known = runtime.get_all_providers()
            raise ModelLoadError(
                _missing_message(name, model, available) if name in known else _unknown_message(name, model, known)
            )
    return chosen


def check_providers(session: Any, chosen: Providers, model: str) -> None:
    """Raise ModelLoadError if ``session`` lacks a provider of ``chosen``; ONNX Runtime itself only warns."""
    active = session.get_providers()
    for name, _ in chosen:
        if name not in active:
            raise ModelLoadError(
                f"model {model!r}: provider {name!r} did not start; the session has: {', '.join(active)}. "
                "Its libraries or device are missing: see ONNX Runtime's message on stderr, or correct 'providers'"
            )


def log_providers(session: Any, chosen: Providers, model: str) -> None:
    """Log the providers that ``auto`` selected, and warn about those that did not start."""
    active = session.get_providers()
    logger.info("model %r: execution providers: %s", model, ", ".join(active))
    missing = [name for name, _ in chosen if name not in active]
    if missing:
        logger.warning("model %r: execution providers that did not start: %s", model, ", ".join(missing))


def _missing_message(name: str, model: str, available: Iterable[str]) -> str:
    wheel = _WHEELS.get(name)
    advice = f"pip install {wheel} (instead of onnxruntime)" if wheel else "a build of onnxruntime that has it"
    return (
        f"model {model!r}: provider {name!r} is not in the installed onnxruntime, which has: {', '.join(available)}. "
        f"It needs {advice}; or correct 'providers'"
    )


def _unknown_message(name: str, model: str, known: Sequence[str]) -> str:
    names = {key: provider for provider in known for key in (provider.lower(), provider.lower().removesuffix(_SUFFIX))}
    near = difflib.get_close_matches(name.lower(), names, n=1)
    hint = f" Did you mean {names[near[0]]!r}?" if near else ""
    return f"model {model!r}: unknown provider {name!r} in 'providers'; known: {', '.join(known)}.{hint}"
