"""One request and its answer, as one file."""

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


@dataclass(frozen=True, slots=True, eq=False)
class RecordedRequest:
    """A request that a model was sent, and what it answered.

    Attributes:
        inputs: arrays by input name.
        outputs: arrays by output name; empty if no answer is known.
        model: the model's name; empty in files that somebody made by hand.
        backend: the backend that served the model then.
        recorded_at: when it was answered, in UTC, as ISO 8601 writes it.
        seconds: how long that took.
        id: the request's id.
        parameters: the request's parameters.
        name: what to call it; of a file, its name.
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

    def request(self, deadline: float | None = None) -> InferenceRequest:
        """Return the request, to be sent again until ``deadline``."""
        return InferenceRequest(self.inputs, deadline, self.id, self.parameters)

    def misfit(self, error: InvalidRequestError) -> InvalidInputError:
        """Return the error for a model of which this is no request, as ``error`` says: it tells nothing of the model."""
        return InvalidInputError(f"{self.name!r} is no request of this model: {error}; send others")

    def write(self, stream: IO[bytes], others: Mapping[str, Mapping[str, NDArray[Any]]] | None = None) -> None:
        """Write this record, and ``others``, further answers by who gave them.

        Raises:
            InvalidTensorError: an array has no KServe datatype.
        """
        groups = {"": self.inputs, OUTPUTS: self.outputs, **(others or {})}
        write_archive(stream, groups, {"format": FORMAT, **self.facts()})

    def facts(self) -> dict[str, Any]:
        """Return everything but the data, in types of JSON."""
        return {
            "model": self.model,
            "backend": self.backend,
            "recorded_at": self.recorded_at,
            "seconds": round(self.seconds, 6),
            "id": self.id,
            "parameters": dict(self.parameters),
            "inputs": {name: describe(array) for name, array in self.inputs.items()},
            "outputs": {name: describe(array) for name, array in self.outputs.items()},
        }


def read_recorded_request(file: Path) -> RecordedRequest:
    """Return the record in ``file``, or the inputs of an ordinary ``.npz`` file.

    Raises:
        InvalidInputError: the file is torn or no record.
    """
    try:
        groups, notes = read_archive(file)
    except FileNotFoundError as error:
        raise InvalidInputError(f"there is no file {str(file)!r}; give a record, or an .npz file of arrays") from error
    except (InvalidTensorError, OSError) as error:
        raise InvalidInputError(f"{str(file)!r} is no record: {error}; give another, or record again") from error
    if notes.get("format", FORMAT) != FORMAT:
        raise InvalidInputError(
            f"{str(file)!r} is a record of format {notes['format']!r}, this Turnout reads {FORMAT}; upgrade turnout"
        )
    told = {name: notes[name] for name in ("model", "backend", "recorded_at", "seconds", "id", "parameters") if name in notes}
    return RecordedRequest(groups[""], groups.get(OUTPUTS, {}), name=file.stem, **told)
