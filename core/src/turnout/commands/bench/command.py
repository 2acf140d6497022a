"""What ``turnout bench`` does: choose requests, and have the arms answer them in turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turnout.commands.bench.figures import LoadFigures, Round, figures
from turnout.commands.bench.load import ClosedLoop
from turnout.commands.requests import RequestChoice, chosen_requests
from turnout.commands.side_by_side import check_against, compared_arms
from turnout.errors import InvalidRequestError
from turnout.inference import ModelInference
from turnout.metrics import Metrics
from turnout.plugins.discovery import find_plugins
from turnout.recording import RecordedRequest
from turnout.serving.app import Turnout
from turnout.settings import load_settings

ROUNDS = 10
LEAST_ROUNDS = 3
_WARM = 3
_MOST_REQUESTS = 256
_MOST_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class BenchChoice(RequestChoice):
    """What the user chose.

    Attributes:
        against: the backends to measure beside the one that serves.
        callers: how many ask at once; one measurement each.
        seconds: how long each backend is asked in each measurement, in ten rounds; in three or more where requests are slow.
    """

    against: Sequence[str] = ()
    callers: Sequence[int] = (1,)
    seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Bench:
    """What was measured of a model.

    Attributes:
        model: the model.
        reference: the backend that serves it, which the ratios are over.
        source: where the requests came from.
        requests: how many different ones there were.
        results: what each backend did, the reference first, for each number of callers.
    """

    model: str
    reference: str
    source: str
    requests: int
    results: tuple[LoadFigures, ...]

    def failures(self) -> list[str]:
        """Return what failed, in sentences."""
        return [
            f"{count} of {one.requests} requests to {one.backend!r} failed, callers: {one.callers}, {name}: {one.said[name]}"
            for one in self.results
            for name, count in one.failed.items()
        ]

    def as_json(self) -> dict[str, Any]:
        """Return everything in types of JSON."""
        told = {name: getattr(self, name) for name in self.__slots__}
        return told | {"results": [one.as_json() for one in self.results]}


def bench_file(file: Path, model: str, choice: BenchChoice, *, progress: Callable[[str], None]) -> Bench:
    """Measure ``model`` of a turnout.yaml on the backend that serves and on others, interleaved; blocks.

    Every arm is opened and asked some requests before anything is measured. Arms are asked alone: no circuit or fallback stands
    before them.

    Raises:
        SettingsError: turnout.yaml is wrong.
        InvalidInputError: there are no requests.
        TurnoutError: an arm cannot be opened, or cannot answer one of the first requests.
    """
    plugins = find_plugins()
    loaded = load_settings(file, registry=plugins)
    loaded.check_model(model)
    check_against(loaded, model, choice.against)
    with Turnout(loaded, plugins, Metrics()) as app, compared_arms(app, model, choice.against) as arms:
        for backend, arm in arms.items():
            progress(f"opening {backend}")
            arm.open()
        requests, source = chosen_requests(next(iter(arms.values())), loaded, model, choice)
        records = _held(requests)
        for arm in arms.values():
            _warm(arm, records, choice.timeout)
        results = [one for callers in choice.callers for one in _measured(arms, records, callers, choice, progress)]
    return Bench(model, next(iter(arms)), source, len(records), tuple(results))


def _held(requests: Iterable[RecordedRequest]) -> list[RecordedRequest]:
    """Return the first requests, as many as are held in memory while they are sent."""
    records: list[RecordedRequest] = []
    size = 0
    for record in requests:
        size += sum(array.nbytes for array in record.inputs.values())
        if records and (len(records) == _MOST_REQUESTS or size > _MOST_BYTES):
            break
        records.append(record)
    return records


def _warm(arm: ModelInference, records: Sequence[RecordedRequest], timeout_seconds: float) -> None:
    for number in range(_WARM):
        record = records[number % len(records)]
        try:
            arm.infer(record.request(time.monotonic() + timeout_seconds))
        except InvalidRequestError as error:
            raise record.mismatch(error) from error


def _measured(
    arms: Mapping[str, ModelInference],
    records: Sequence[RecordedRequest],
    callers: int,
    choice: BenchChoice,
    progress: Callable[[str], None],
) -> list[LoadFigures]:
    loops = {backend: ClosedLoop(arm, records, callers, choice.timeout) for backend, arm in arms.items()}
    rounds: dict[str, list[Round]] = {backend: [] for backend in arms}
    spent = 0.0
    for number in range(ROUNDS):
        if number >= LEAST_ROUNDS and spent >= choice.seconds:
            break
        progress(f"callers: {callers}, round {number + 1}")
        for backend, loop in loops.items():
            rounds[backend].append(Round(*loop.run(choice.seconds / ROUNDS)))
        spent += max(of_one[-1].seconds for of_one in rounds.values())
    reference, *_ = arms
    return [figures(backend, callers, rounds[backend], None if backend == reference else rounds[reference]) for backend in arms]
