"""An arm of a model, and the requests that it gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from turnout.commands.batch_rows import split_rows
from turnout.commands.bench.account import Account, account_of
from turnout.commands.bench.arms import OpenArm
from turnout.commands.bench.counts import ArmCounts, read_counts
from turnout.commands.bench.load.outcome import LoadOutcome, Target
from turnout.commands.bench.where_time_goes import RequestSums
from turnout.errors import ConfigurationError, InvalidInputError
from turnout.inference import ModelInference
from turnout.plugins.discovery import Plugins
from turnout.recording import RecordedRequest
from turnout.settings import LoadedModel
from turnout.tensors.rows import stack_rows

_BATCHES = 8
"""The number of different batches that are prepared."""


class ModelTarget:
    """A model that gets ``records`` in turn."""

    def __init__(self, model: ModelInference, records: Sequence[RecordedRequest]) -> None:
        self._model = model
        self._records = records

    def send(self, number: int, deadline: float) -> Mapping[str, float]:
        """Send a record; return the parts that the backend reports."""
        return self._model.infer(self._records[number % len(self._records)].request(deadline)).timings

    def name(self, number: int) -> str:
        """Return the name of a record."""
        return self._records[number % len(self._records)].name


class ModelArm:
    """An arm of a model with the records of each size of batch; ``records[None]`` are the requests as they are."""

    def __init__(self, plugins: Plugins, arm: OpenArm, records: Mapping[int | None, Sequence[RecordedRequest]]) -> None:
        self._plugins = plugins
        self._arm = arm
        self._records = records

    def target(self, batch: int | None) -> Target:
        """Return the model with its records of this size."""
        return ModelTarget(self._arm.inference, self._records[batch])

    def rows(self, batch: int | None) -> float | None:
        """Return the mean rows of a record."""
        if not self._arm.model.settings.max_batch_size:
            return None
        sizes = [len(next(iter(record.inputs.values()))) for record in self._records[batch]]
        return sum(sizes) / len(sizes)

    def read(self) -> ArmCounts:
        """Return what the metrics and the server have counted."""
        return read_counts(self._plugins, self._arm)

    def account(self, outcome: LoadOutcome, before: ArmCounts, after: ArmCounts) -> Account:
        """Return the account of a load: a request is all of an answer."""
        latencies = outcome.latencies
        counts = after.since(before)
        sums = RequestSums(len(latencies), sum(latencies), outcome.parts, outcome.reported, counts)
        return account_of(outcome, {}, [sums])


def batch_records(model: LoadedModel, records: Sequence[RecordedRequest], size: int) -> list[RecordedRequest]:
    """Return requests of ``size`` rows, made of the rows of ``records``.

    Raises:
        ConfigurationError: the model does not take so many rows.
        InvalidInputError: the records have no batch axis.
    """
    largest = model.settings.max_batch_size
    if size > largest:
        raise ConfigurationError(
            f"model {model.name!r} takes {largest} rows at most in a request (max_batch_size, {model.where}), not {size}; "
            "give a smaller --batch, or raise max_batch_size",
            next_step=f"give --batch {largest} to the same command" if largest else "leave --batch out",
        )
    rows = split_rows([record.inputs for record in records], size * _BATCHES)
    if not rows:
        raise InvalidInputError(
            f"the requests for model {model.name!r} have no common batch axis, so no batch of {size} can be made of them; "
            "give other requests, or leave --batch out"
        )
    return [
        RecordedRequest(stack_rows(rows[first : first + size], size), name=f"batch-{first // size}")
        for first in range(0, len(rows), size)
    ]
