"""Measurement of a model's arms in alternating rounds."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from turnout.commands.bench.figures import LoadFigures, Round, summarize
from turnout.commands.bench.load import ClosedLoop
from turnout.commands.requests import RequestOptions, select_requests
from turnout.commands.side_by_side import check_against, open_side_by_side
from turnout.errors import InvalidRequestError
from turnout.inference import ModelInference
from turnout.metrics import Metrics
from turnout.plugins.discovery import find_plugins
from turnout.recording import RecordedRequest
from turnout.serving.app import Turnout
from turnout.settings import load_settings

logger = logging.getLogger(__name__)

ROUNDS = 10
MIN_ROUNDS = 3
_WARM_UP_REQUESTS = 3
_MAX_RECORDS = 256
_MAX_RECORD_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class BenchOptions(RequestOptions):
    """Options of ``turnout bench``.

    Attributes:
        against: the backends to measure next to the serving one.
        callers: the numbers of concurrent callers; one measurement for each.
        seconds: the load on each backend in each measurement, in ten rounds; slow requests get three rounds at least.
    """

    against: Sequence[str] = ()
    callers: Sequence[int] = (1,)
    seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class BenchResult:
    """The measurements of a model.

    Attributes:
        model: the model.
        reference: the backend that serves it; ratios are over its figures.
        source: the source of the requests.
        requests: the number of different requests.
        results: the figures of each backend for each number of callers, the reference first.
    """

    model: str
    reference: str
    source: str
    requests: int
    results: tuple[LoadFigures, ...]

    def failures(self) -> list[str]:
        """Return a sentence for each kind of failed request."""
        return [
            f"{count} of {one.requests} requests to {one.backend!r} failed, callers: {one.callers}, {name}: {one.said[name]}"
            for one in self.results
            for name, count in one.failed.items()
        ]

    def as_json(self) -> dict[str, Any]:
        """Return everything in types of JSON."""
        return asdict(self)


def bench_file(file: Path, model: str, options: BenchOptions) -> BenchResult:
    """Measure ``model`` of a turnout.yaml on the serving backend and on others, in alternating rounds; blocks.

    Every arm is opened and warmed up before the first round. Requests go straight to the arm, without circuit or fallback.

    Raises:
        SettingsError: turnout.yaml is wrong.
        InvalidInputError: there are no requests.
        TurnoutError: an arm cannot be opened, or fails one of the first requests.
    """
    plugins = find_plugins()
    loaded = load_settings(file, registry=plugins)
    view = loaded.model(model)
    check_against(view, options.against)
    with Turnout(loaded, plugins, Metrics()) as app, open_side_by_side(app, view, options.against) as arms:
        for arm in arms.values():
            arm.open()
        requests, source = select_requests(arms[view.backend], loaded, view, options)
        records = _read_records(requests)
        logger.info("warming up model %r", model)
        for arm in arms.values():
            _warm_up(arm, records, options.timeout)
        results = [one for callers in options.callers for one in _measure(arms, records, callers, options)]
    return BenchResult(model, view.backend, source, len(records), tuple(results))


def _read_records(requests: Iterable[RecordedRequest]) -> list[RecordedRequest]:
    """Return the first requests, up to the limits of what is held in memory: reading must not be part of the load."""
    records: list[RecordedRequest] = []
    size = 0
    for record in requests:
        size += sum(array.nbytes for array in record.inputs.values())
        if records and (len(records) == _MAX_RECORDS or size > _MAX_RECORD_BYTES):
            break
        records.append(record)
    return records


def _warm_up(arm: ModelInference, records: Sequence[RecordedRequest], timeout_seconds: float) -> None:
    for number in range(_WARM_UP_REQUESTS):
        record = records[number % len(records)]
        try:
            arm.infer(record.request(time.monotonic() + timeout_seconds))
        except InvalidRequestError as error:
            raise record.mismatch(error) from error


def _measure(
    arms: Mapping[str, ModelInference],
    records: Sequence[RecordedRequest],
    callers: int,
    options: BenchOptions,
) -> list[LoadFigures]:
    """Return the figures of each arm; the arms alternate in short rounds, so that drift of the machine affects all alike."""
    loops = {backend: ClosedLoop(arm, records, callers, options.timeout) for backend, arm in arms.items()}
    rounds: dict[str, list[Round]] = {backend: [] for backend in arms}
    spent = 0.0
    for number in range(ROUNDS):
        if number >= MIN_ROUNDS and spent >= options.seconds:
            break
        logger.info("measuring with %d callers, round %d of at most %d", callers, number + 1, ROUNDS)
        for backend, loop in loops.items():
            rounds[backend].append(Round(*loop.run(options.seconds / ROUNDS)))
        spent += max(of_one[-1].seconds for of_one in rounds.values())
    reference, *_ = arms
    return [
        summarize(backend, callers, rounds[backend], None if backend == reference else rounds[reference]) for backend in arms
    ]
