"""Asking every model once: a server that says it is ready may not be."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from turnout.errors import BackendUnavailableError, ModelLoadError, text_of

logger = logging.getLogger(__name__)

_ATTEMPTS = ((0, 1), (1, 1), (1, 2), (0, 64))
"""What models are asked with: a value, and the size of axes of any size. The first that is answered is enough."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A model that answered, but with an error: it may take only what is really an input."""

    model: str
    text: str


def check_models(client: Any, expected: list[str], repository: str) -> None:
    """Refuse models that the server could not load.

    Raises:
        ModelLoadError: it names each with the server's reason.
    """
    index = client.get_model_repository_index().models
    broken = {entry.name: entry.reason for entry in index if entry.name in expected and entry.state != "READY"}
    if broken:
        reasons = "; ".join(
            f"model {name!r}: {' '.join(reason.split()) or 'no reason given'}" for name, reason in broken.items()
        )
        raise ModelLoadError(
            f"tritonserver cannot load {len(broken)} of {len(expected)} models of {repository!r}: {reasons}; mend the model or "
            "its config.pbtxt, or serve the others with --model"
        )


def _reason(text: str) -> str:
    """Return a server's reason in one line, without the traceback that the python backend appends."""
    return " ".join(text.partition("\n\nAt:")[0].split()) or "no reason given"


def warm_up(client: Any, models: list[str], timeout_seconds: float) -> list[Refused]:
    """Ask each model for an answer to zeros, or to something else where it refuses zeros; return those that refuse all.

    Raises:
        BackendUnavailableError: a model is not there, whatever the server says of its readiness.
    """
    return [refused for model in models for refused in _ask(client, model, timeout_seconds)]


def _ask(client: Any, model: str, timeout_seconds: float) -> Iterator[Refused]:
    from tritonclient.utils import InferenceServerException

    config = client.get_model_config(model).config
    if config.model_transaction_policy.decoupled:
        logger.info("model %s streams its answers; it was not asked for one", model)
        return
    text = ""
    for filler, size in _ATTEMPTS:
        try:
            client.infer(model, list(_inputs(config, filler, size)), client_timeout=timeout_seconds, **_sequence(config))
        except InferenceServerException as error:
            text = text_of(error)
            if _is_dead(error):
                raise BackendUnavailableError(
                    f"model {model!r} is reported ready and does not answer: {text}; look at the server's log"
                ) from error
            continue
        return
    yield Refused(model, text)


def _is_dead(error: Any) -> bool:
    return str(error.status()) == "StatusCode.UNAVAILABLE" or "stub process" in str(error).lower()


def _sequence(config: Any) -> dict[str, Any]:
    if not config.HasField("sequence_batching"):
        return {}
    return {"sequence_id": 1, "sequence_start": True, "sequence_end": True}


def _inputs(config: Any, filler: int, size: int) -> Iterator[Any]:
    import numpy as np
    from tritonclient.grpc import InferInput

    from turnout.tensors import BYTES, dtype_of

    for entry in config.input:
        if entry.optional:
            continue
        datatype = _datatype(entry.data_type)
        shape = [1] * (config.max_batch_size > 0) + [size if declared < 0 else declared for declared in entry.dims]
        array = np.full(shape, b"" if datatype == BYTES else filler, dtype=dtype_of(datatype))
        tensor = InferInput(entry.name, shape, datatype)
        tensor.set_data_from_numpy(array)
        yield tensor


def _datatype(number: int) -> str:
    from tritonclient.grpc import model_config_pb2

    name = str(model_config_pb2.DataType.Name(number)).removeprefix("TYPE_")
    return "BYTES" if name == "STRING" else name
