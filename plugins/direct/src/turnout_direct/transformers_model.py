"""Loader ``transformers``: a model class with a checkpoint."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from turnout.errors import ModelLoadError, suggestion, text_of
from turnout_direct.checkpoint_source import find_checkpoint_source
from turnout_direct.options import DirectOptions
from turnout_direct.required_config import check_placeholder
from turnout_direct.weight_bound import bound_weights

if TYPE_CHECKING:
    import torch

# What transformers logs about weights; the second and the third until version 4.
_REPORTS = (" LOAD REPORT", "were not used when initializing", "were not initialized from the model checkpoint")


def load_transformers(options: DirectOptions, folder: Path, model: str) -> torch.nn.Module:
    """Return the model of class ``options.class_`` with the weights of its checkpoint, on the CPU.

    Raises:
        ModelLoadError: the class or the checkpoint does not exist, the checkpoint lacks weights that the class has, or it
            brings Python that the settings do not trust.
    """
    import torch

    source = find_checkpoint_source(options, folder, model)
    kind = _find_class(str(options.class_), model)
    # Auto classes may load Python of the checkpoint; it must come from the same commit as the weights.
    pinned = {"code_revision": options.revision} if options.revision and _is_auto(kind) else {}
    quiet = (_hide_progress_bar(), _hide_report(), _ask_nothing())
    with ExitStack() as stack:
        for context in (*quiet, _explain_foreign_code(options, source, model), bound_weights(source, model)):
            stack.enter_context(context)
        module, report = kind.from_pretrained(
            source,
            revision=options.revision or "main",
            trust_remote_code=options.trust_remote_code,
            local_files_only=options.local_files_only,
            dtype=getattr(torch, options.dtype or "float32"),
            weights_only=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            **pinned,
        )
    _check_sizes(report, type(module).__name__, source, model)
    _check_complete(report, type(module).__name__, source, model)
    check_placeholder(module, model, Path(source) if Path(source).is_dir() else None)
    return module


@contextmanager
def _hide_progress_bar() -> Iterator[None]:
    """Disable the progress bar that transformers draws while it reads weights; downloads from the hub still show theirs."""
    from transformers.utils import logging

    was_enabled = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_enabled:
            logging.enable_progress_bar()


@contextmanager
def _hide_report() -> Iterator[None]:
    """Keep the table of weights that transformers logs out of this thread's log.

    Weights that are missing or have other sizes are refused below, with their names. Weights that the class does not use are
    usual: one half of CLIP, a model without its head. Only a failed conversion needs the table, because its error refers to it.
    """
    thread = threading.get_ident()

    def is_kept(record: logging.LogRecord) -> bool:
        text = record.getMessage()
        return record.thread != thread or not any(part in text for part in _REPORTS) or "CONVERSION" in text

    logger = logging.getLogger("transformers.modeling_utils")
    logger.addFilter(is_kept)
    try:
        yield
    finally:
        logger.removeFilter(is_kept)


@contextmanager
def _ask_nothing() -> Iterator[None]:
    """Refuse Python that a part of a checkpoint names, where transformers would ask on stdin whether to run it."""
    from transformers import dynamic_module_utils

    before = dynamic_module_utils.TIME_OUT_REMOTE_CODE
    dynamic_module_utils.TIME_OUT_REMOTE_CODE = 0
    try:
        yield
    finally:
        dynamic_module_utils.TIME_OUT_REMOTE_CODE = before


@contextmanager
def _explain_foreign_code(options: DirectOptions, source: str, model: str) -> Iterator[None]:
    """Replace the advice of transformers, which is an argument of its own functions, by the line of turnout.yaml."""
    try:
        yield
    except ValueError as error:
        if options.trust_remote_code or "trust_remote_code" not in text_of(error):
            raise
        remedy = f"write `trust_remote_code: true` under models.{model}.backends.direct in turnout.yaml"
        raise ModelLoadError(
            f"model {model!r}: checkpoint {source!r} brings Python of its own, which runs only if you trust it; read "
            f"its .py files, then {remedy}",
            next_step=f"read the .py files of {source!r}, then {remedy}",
        ) from error


def _find_class(name: str, model: str) -> Any:
    import transformers

    kind = getattr(transformers, name, None)
    if not isinstance(kind, type) or not hasattr(kind, "from_pretrained") or not (_is_auto(kind) or _is_module(kind)):
        state = "is not a model class" if kind is not None else "does not exist"
        raise ModelLoadError(
            f"model {model!r}: class {name!r} {state} in transformers {transformers.__version__}."
            f"{suggestion(name, _model_classes())} "
            "Name a model class, such as 'BlipForConditionalGeneration' or 'AutoModel'"
        )
    return kind


def _is_auto(kind: Any) -> bool:
    return hasattr(kind, "_model_mapping")


def _is_module(kind: type) -> bool:
    import torch

    return issubclass(kind, torch.nn.Module)


def _model_classes() -> list[str]:
    import transformers

    return [name for name in dir(transformers) if "For" in name or "Model" in name]


def _check_sizes(report: Any, kind: str, source: str, model: str) -> None:
    # transformers' own error refers to a report that it prints; with ignore_mismatched_sizes it fills them with random numbers.
    mismatched = sorted(report.get("mismatched_keys") or ())
    if mismatched:
        name, saved, expected = mismatched[0]
        raise ModelLoadError(
            f"model {model!r}: {len(mismatched)} weights of checkpoint {source!r} have other sizes than {kind!r} with its "
            f"config.json, first {str(name)!r}: {list(saved)} in the checkpoint, {list(expected)} by the config; a key that "
            "config.json lacks has transformers' default: write it there, or correct 'class'"
        )


def _check_complete(report: Any, kind: str, source: str, model: str) -> None:
    # transformers fills missing weights with random numbers and only logs a warning.
    missing = sorted(str(name) for name in report["missing_keys"])
    if missing:
        names = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise ModelLoadError(
            f"model {model!r}: checkpoint {source!r} lacks {len(missing)} weights of {kind!r} ({names}), which would be "
            "random; correct 'class' or 'checkpoint'"
        )
