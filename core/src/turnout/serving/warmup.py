"""What a model is asked when it is opened, before anybody is served: the first call costs several times the later ones."""

from __future__ import annotations

import logging
from pathlib import Path

from turnout.errors import BackendUnavailableError, DeadlineExceededError, ModelLoadError, text_of
from turnout.inference import ModelInference
from turnout.recording import read_recorded_request

logger = logging.getLogger(__name__)


def warmup_files(folder: Path, requests: int) -> list[Path]:
    """Return the oldest ``requests`` records of ``folder``; none where there is none."""
    return sorted(folder.glob("*.npz"))[:requests]


def warm_up(opened: ModelInference, model: str, backend: str, folder: Path, requests: int) -> None:
    """Ask ``opened`` the oldest ``requests`` records of ``folder``, one after the other; nothing is counted. Blocks.

    A folder without records, as before the first was recorded, is told of and hinders nobody; a record that makes room for
    others meanwhile is passed over.

    Raises:
        BackendUnavailableError: its server cannot be reached.
        DeadlineExceededError: its server does not answer.
        ModelLoadError: it cannot answer a record.
    """
    files = warmup_files(folder, requests)
    if not files:
        logger.warning("model %r is not warmed up on backend %r: there is no record in %r", model, backend, str(folder))
    for file in files:
        try:
            opened.infer(read_recorded_request(file).request())
        except (BackendUnavailableError, DeadlineExceededError):
            raise
        except Exception as error:
            if not file.exists():
                continue
            raise ModelLoadError(
                f"model {model!r} cannot be warmed up on backend {backend!r} with {str(file)!r}: {text_of(error)}; "
                "remove that record, or correct 'warmup'"
            ) from error
