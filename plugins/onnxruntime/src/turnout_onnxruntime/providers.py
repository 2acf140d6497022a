"""Choosing execution providers."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from turnout.errors import ModelLoadError
from turnout_onnxruntime.options import ProviderOptions

logger = logging.getLogger(__name__)

Chosen = list[tuple[str, dict[str, str]]]

CPU: Chosen = [("CPUExecutionProvider", {})]

_WHEELS = {
    "CUDAExecutionProvider": "onnxruntime-gpu",
    "TensorrtExecutionProvider": "onnxruntime-gpu",
    "DmlExecutionProvider": "onnxruntime-directml",
    "OpenVINOExecutionProvider": "onnxruntime-openvino",
    "QNNExecutionProvider": "onnxruntime-qnn",
}
# Runs models on a remote service, so it is never what ``auto`` means.
_REMOTE = "AzureExecutionProvider"
_SUFFIX = "executionprovider"


def choose_providers(wanted: Literal["auto"] | Sequence[str | dict[str, ProviderOptions]], runtime: Any, model: str) -> Chosen:
    """Return names and options of the providers to ask for.

    Raises:
        ModelLoadError: a provider is asked for that the installed wheel does not have.
    """
    available = runtime.get_available_providers()
    if wanted == "auto":
        return [(name, {}) for name in available if name != _REMOTE]
    chosen: Chosen = []
    for entry in wanted:
        named = {entry: {}} if isinstance(entry, str) else entry
        chosen += [(name, {key: _text(value) for key, value in options.items()}) for name, options in named.items()]
    if not chosen:
        raise ModelLoadError(f"model {model!r}: 'providers' is empty; write 'auto' or some of: {', '.join(available)}")
    for name, _ in chosen:
        if name not in available:
            known = runtime.get_all_providers()
            raise ModelLoadError(_missing(name, model, available) if name in known else _unknown(name, model, known))
    return chosen


def check_providers(session: Any, chosen: Chosen, model: str) -> None:
    """Return if ``session`` uses every provider of ``chosen``; ONNX Runtime itself goes on without one that fails to load.

    Raises:
        ModelLoadError: it does not.
    """
    given = session.get_providers()
    for name, _ in chosen:
        if name not in given:
            raise ModelLoadError(
                f"model {model!r}: provider {name!r} was asked for and did not start; the session has: {', '.join(given)}. "
                "Its libraries or device are missing here: see ONNX Runtime's message on stderr, or correct 'providers'"
            )


def log_providers(session: Any, chosen: Chosen, model: str) -> None:
    """Log what ``auto`` came to; providers that did not start are worth a warning."""
    given = session.get_providers()
    logger.info("model %s runs on %s", model, ", ".join(given))
    left_out = [name for name, _ in chosen if name not in given]
    if left_out:
        logger.warning("model %s runs without %s, which did not start", model, ", ".join(left_out))


def _missing(name: str, model: str, available: Iterable[str]) -> str:
    wheel = _WHEELS.get(name)
    todo = f"pip install {wheel} (instead of onnxruntime)" if wheel else "a build of onnxruntime that has it"
    return (
        f"model {model!r}: provider {name!r} is not in the installed onnxruntime, which has: {', '.join(available)}. "
        f"It needs {todo}; or correct 'providers'"
    )


def _unknown(name: str, model: str, known: Sequence[str]) -> str:
    names = {key: provider for provider in known for key in (provider.lower(), provider.lower().removesuffix(_SUFFIX))}
    near = difflib.get_close_matches(name.lower(), names, n=1)
    hint = f" Did you mean {names[near[0]]!r}?" if near else ""
    return f"model {model!r}: unknown provider {name!r} in 'providers'; known: {', '.join(known)}.{hint}"


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
