"""A recorded request: one request and its answer, in one file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from numpy.typing import NDArray

from turnout.errors import InvalidInputError, InvalidRequestError, InvalidTensorError
from turnout.inference import InferenceRequest, Parameter
from turnout.tensors import describe
from turnout.tensors.archive import read_archive, write_archive

FORMAT = 1
OUTPUTS = "outputs"
_FACTS = {
    "model": str,
    "backend": str,
    "recorded_at": str,
    "seconds": int | float,
    "id": str,
    "parameters": dict,
    "model_version": str,
}


@dataclass(frozen=True, slots=True, eq=False)
class RecordedRequest:
    """A request to a model, and the answer.

    Attributes:
        inputs: arrays by input name.
        outputs: arrays by output name; empty without a known answer.
        model: the model's name; empty in a file that was written by hand.
        backend: the backend that answered.
        recorded_at: the time of the answer, in UTC, in ISO 8601.
        seconds: the latency.
        id: the request's id.
        parameters: the request's parameters.
        name: a name for messages; of a file, its name without the suffix.
        model_version: the version that answered; empty if the backend has none, and in records of older releases.
    """

    inputs: Mapping[str, NDArray[Any]]
    outputs: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    model: str = ""
    backend: str = ""
    recorded_at: str = ""
    seconds: float = 0.0
    id: str = ""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    name: str = ""
    model_version: str = ""

    def request(self, deadline: float | None = None) -> InferenceRequest:
        """Return the request, to send it again until ``deadline``."""
        return InferenceRequest(self.inputs, deadline, self.id, self.parameters)

    def mismatch(self, error: InvalidRequestError) -> InvalidInputError:
        """Return the error for a model that refused this request with ``error``: the recording is wrong, not the model."""
        return InvalidInputError(f"{self.name!r} is not a request for this model: {error}; use other requests")

    def write(self, stream: IO[bytes], others: Mapping[str, Mapping[str, NDArray[Any]]] | None = None) -> None:
        """Write this record, and ``others``, the answers of other backends by name.

        Raises:
            InvalidTensorError: an array has no KServe datatype.
        """
        groups = {"": self.inputs, OUTPUTS: self.outputs, **(others or {})}
        write_archive(stream, groups, {"format": FORMAT, **self.facts()})

    def facts(self) -> dict[str, Any]:
        """Return everything except the tensors' data, in JSON types."""
        return {
            "model": self.model,
            "backend": self.backend,
            "recorded_at": self.recorded_at,
            "seconds": round(self.seconds, 6),
            "id": self.id,
            "parameters": dict(self.parameters),
            "model_version": self.model_version,
            "inputs": {name: describe(array) for name, array in self.inputs.items()},
            "outputs": {name: describe(array) for name, array in self.outputs.items()},
        }


def read_recorded_request(file: Path) -> RecordedRequest:
    """Read a record, or the inputs of an ordinary ``.npz`` file.

    Raises:
        InvalidInputError: the file is damaged or not a record.
    """
    try:
        groups, notes = read_archive(file)
    except FileNotFoundError as error:
        raise InvalidInputError(f"file {str(file)!r} does not exist; pass a record, or an .npz file of arrays") from error
    except (InvalidTensorError, OSError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise InvalidInputError(f"{str(file)!r} is not a record: {reason}; pass another file, or record again") from error
    if notes.get("format", FORMAT) != FORMAT:
        raise InvalidInputError(
            f"{str(file)!r} is a record of format {notes['format']!r:.40}, this version of Turnout reads format {FORMAT}; "
            "upgrade turnout"
        )
    facts = {name: notes[name] for name in _FACTS if name in notes}
    if wrong := [name for name, value in facts.items() if not _is_fact(name, value)]:
        raise InvalidInputError(f"{str(file)!r} is not a record: its {wrong[0]!r} is {facts[wrong[0]]!r:.40}; record again")
    return RecordedRequest(groups[""], groups.get(OUTPUTS, {}), name=file.stem, **facts)


def _is_fact(name: str, value: object) -> bool:
    if isinstance(value, dict):
        return _FACTS[name] is dict and all(isinstance(inner, bool | int | float | str) for inner in value.values())
    return isinstance(value, _FACTS[name]) and not isinstance(value, bool)
