"""What a model is asked when it is opened, before anybody is served: the first call costs several times the later ones."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from turnout.errors import BackendUnavailableError, DeadlineExceededError, ModelLoadError, text_of
from turnout.inference import InferenceRequest, ModelInference
from turnout.recording import RecordingSet


def warm_up(opened: ModelInference, model: str, backend: str, folder: Path, requests: int) -> None:
    """Ask ``opened`` the oldest ``requests`` records of ``folder``, one after the other; nothing is counted. Blocks.

    Raises:
        BackendUnavailableError: its server cannot be reached.
        DeadlineExceededError: its server does not answer.
        ModelLoadError: it cannot answer a record, or there is none.
    """
    name = ""
    try:
        for record in islice(RecordingSet(folder), requests):
            name = f", record {record.name!r}"
            opened.infer(InferenceRequest(record.inputs, id=record.id, parameters=record.parameters))
    except (BackendUnavailableError, DeadlineExceededError):
        raise
    except Exception as error:
        raise ModelLoadError(
            f"model {model!r} cannot be warmed up on backend {backend!r}{name}: {text_of(error)}; correct 'warmup'"
        ) from error
