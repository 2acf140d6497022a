"""A probe of every model with one request: a server that reports ready may have models that do not answer."""

from __future__ import annotations

import logging
import math
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turnout.errors import BackendUnavailableError, ConfigurationError, ModelLoadError, Problem, lines_of, text_of
from turnout_triton.repository.config_file import read_config
from turnout_triton.repository.config_tensors import kserve_datatype
from turnout_triton.repository.layout import CONFIG

logger = logging.getLogger(__name__)

_NEEDS_GPU = re.compile(r"KIND_GPU|\bgpus?\b|gpu id|cuda", re.IGNORECASE)
# What Triton's python backend adds to the error of a model: the lines of the code that loaded it.
_TRACE = re.compile(r"(?<=.)\s*\bAt:\s+/\S*\.py\(\d+\):.*", re.DOTALL)
_PROBES = ((0, 64, 8), (0, 64, 64), (0, 1, 1), (1, 1, 1), (1, 2, 2))
"""The requests to try: a value, the size of free axes of pictures and volumes, and that of texts, which have fewer axes.

The first that succeeds is enough. 64 and 8 first: models refuse a picture of one pixel, and a text above their limit, maybe 20.
A server logs each refusal as an error.
"""
_PICTURE_RANK = 3
_MOST_ELEMENTS = 2**20  # except of the smallest request, which a model of large fixed shapes gets too
_PROBE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class RejectedProbe:
    """A model that returned an error for every probe: it may accept only real inputs."""

    model: str
    text: str


def check_loaded(client: Any, expected: list[str], repository: str, *, on_cpu: bool) -> None:
    """Raise ModelLoadError if the server could not load a model.

    Raises:
        ModelLoadError: the message has each model with the server's reason; several in a line each.
    """
    index = client.get_model_repository_index().models
    broken = {entry.name: entry.reason for entry in index if entry.name in expected and entry.state != "READY"}
    if broken:
        reasons = [Problem(f"model {name!r}", _reason(reason, name, repository)) for name, reason in broken.items()]
        others = step = f"fix the model or its {CONFIG}, or serve the others with --model"
        if not on_cpu and any(_NEEDS_GPU.search(reason) for reason in broken.values()):
            step = f"turnout triton serve --cpu --repository {shlex.quote(repository)}"
            others = f"for a try on the CPU: {step}"
        failed = f"tritonserver cannot load {len(broken)} of {len(expected)} models of {repository!r}"
        one = len(reasons) == 1
        raise ModelLoadError(
            f"{failed}: {reasons[0]}; {others}" if one else lines_of([Problem("", f"{failed}; {others}"), *reasons]),
            next_step=step,
        )


def _reason(reason: str, model: str, repository: str) -> str:
    """Return why the server could not load ``model``, in one line; Triton gives no reason for a config that it cannot read."""
    text = " ".join(_TRACE.sub("", reason).split())
    if text:
        return text
    try:
        present = read_config(Path(repository, model, CONFIG))
    except ConfigurationError as error:
        return str(error)
    return (
        f"its {CONFIG} has {present.incomplete}" if present and present.incomplete else "no reason given; see the server's log"
    )


def probe_models(client: Any, models: list[str], timeout_seconds: float) -> list[RejectedProbe]:
    """Send each model a request of zeros, and others if it rejects zeros; return the models that reject all.

    Raises:
        BackendUnavailableError: a model does not answer, although the server reports it ready.
    """
    return [rejected for model in models for rejected in _probe(client, model, timeout_seconds)]


def _probe(client: Any, model: str, timeout_seconds: float) -> Iterator[RejectedProbe]:
    from tritonclient.utils import InferenceServerException

    config = client.get_model_config(model).config
    if config.model_transaction_policy.decoupled:
        logger.info("model %r streams its responses; it was not probed", model)
        return
    text, limit = "", min(timeout_seconds, _PROBE_SECONDS)
    asked: set[str] = set()
    for filler, *sizes in _PROBES:
        shapes = {entry.name: _shape(entry.dims, *sizes) for entry in config.input if not entry.optional}
        probe = repr((filler, shapes))
        too_large = max(sizes) > 1 and any(math.prod(shape) > _MOST_ELEMENTS for shape in shapes.values())
        if probe in asked or too_large:
            continue
        asked.add(probe)
        try:
            client.infer(model, list(_inputs(config, filler, shapes)), client_timeout=limit, **_sequence(config))
        except InferenceServerException as error:
            text = text_of(error)
            if _is_dead(error):
                raise BackendUnavailableError(
                    f"model {model!r} does not answer, although the server reports it ready: {text}; see the server's log"
                ) from error
            if str(error.status()) == "StatusCode.DEADLINE_EXCEEDED":
                break  # others would take as long
            continue
        return
    yield RejectedProbe(model, text)


def _is_dead(error: Any) -> bool:
    return str(error.status()) == "StatusCode.UNAVAILABLE" or "stub process" in str(error).lower()


def _sequence(config: Any) -> dict[str, Any]:
    if not config.HasField("sequence_batching"):
        return {}
    return {"sequence_id": 1, "sequence_start": True, "sequence_end": True}


def _shape(dims: Sequence[int], picture: int, text: int) -> list[int]:
    size = picture if len(dims) >= _PICTURE_RANK else text
    return [size if axis < 0 else axis for axis in dims]


def _inputs(config: Any, filler: int, shapes: Mapping[str, list[int]]) -> Iterator[Any]:
    import numpy as np
    from tritonclient.grpc import InferInput

    from turnout.tensors import BYTES, dtype_of

    for entry in config.input:
        if entry.optional:
            continue
        datatype = kserve_datatype(entry.data_type)
        shape = [1] * (config.max_batch_size > 0) + shapes[entry.name]
        array = np.full(shape, b"" if datatype == BYTES else filler, dtype=dtype_of(datatype))
        tensor = InferInput(entry.name, shape, datatype)
        tensor.set_data_from_numpy(array)
        yield tensor
