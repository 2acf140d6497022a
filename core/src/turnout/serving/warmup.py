"""Warm-up: recorded requests that an opened model answers before it serves; a first call costs several times a later one."""

from __future__ import annotations

import logging
from pathlib import Path

from turnout.errors import BackendUnavailableError, DeadlineExceededError, ModelLoadError, text_of
from turnout.inference import InferenceRequest, ModelInference
from turnout.middleware.tensor_check import TensorCheck
from turnout.recording import folder_of_model, read_recorded_request, record_files
from turnout.settings.loaded import LoadedModel
from turnout.settings.schema.warmup import WarmupSettings

logger = logging.getLogger(__name__)


def warmup_files(folder: Path, requests: int) -> list[Path]:
    """Return the oldest ``requests`` records of ``folder``; none if there is no such folder."""
    return record_files(folder)[:requests]


def recorded_request(model: LoadedModel) -> InferenceRequest | None:
    """Return the oldest record of the warm-up of ``model``, which each opened backend has answered; None without one."""
    settings, declaration = model.settings.warmup, model.declaration
    if settings is None:
        return None
    try:
        files = warmup_files(folder_of_model(declaration.folder / settings.recorded, model.name), 1)
        return read_recorded_request(files[0]).request() if files else None
    except Exception as error:  # noqa: BLE001  # it was removed or changed meanwhile
        logger.info("model %r: its oldest record cannot be read: %s", model.name, text_of(error))
        return None


def warm_up(opened: ModelInference, model: LoadedModel, backend: str, settings: WarmupSettings) -> None:
    """Send ``opened`` the oldest records of the model, one after the other; metrics do not count them. Blocks.

    A folder without records is logged and no error: it is empty until the first request is recorded. A record that was removed
    meanwhile, to make room for newer ones, is skipped.

    Raises:
        BackendUnavailableError: the server is unavailable.
        DeadlineExceededError: the server does not respond.
        ModelLoadError: the model fails on a record.
    """
    declaration = model.declaration
    folder = folder_of_model(declaration.folder / settings.recorded, model.name)
    files = warmup_files(folder, settings.requests)
    if not files:
        logger.warning("model %r: no warm-up on backend %r, no records in %r", model.name, backend, str(folder))
    # Checked as live requests are: a record that no caller could send must not decide whether the model opens.
    checked = TensorCheck(opened, model.name, declaration.signature, declaration.max_batch_size)
    for file in files:
        try:
            checked.infer(read_recorded_request(file).request())
        except (BackendUnavailableError, DeadlineExceededError):
            raise
        except Exception as error:
            if not file.exists():
                continue
            raise ModelLoadError(
                f"model {model.name!r} cannot be warmed up on backend {backend!r} with {str(file)!r}: {text_of(error)}; "
                "remove that record, or correct 'warmup'",
                model=model.name,
                backend=backend,
            ) from error
