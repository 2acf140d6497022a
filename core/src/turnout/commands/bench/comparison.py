"""The comparison of a run with an earlier one: what is slower beyond a bound and beyond the noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turnout.commands.bench.earlier import EarlierFigures, EarlierReport
from turnout.commands.bench.figures import LoadFigures
from turnout.commands.bench.machine import describe_machine, package_versions
from turnout.commands.bench.ratio import Ratio, ratio_of
from turnout.commands.bench.report.table import figure
from turnout.commands.bench.result import BenchResult
from turnout.commands.bench.verdict import load_text
from turnout.errors import InvalidInputError

ALLOW = 0.1
_FIGURES = ("requests_per_second", "p50", "p95")
_UNITS = {"requests_per_second": ("requests/s", 1.0), "p50": ("ms p50", 1000.0), "p95": ("ms p95", 1000.0)}

_Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class RunComparison:
    """A run beside an earlier one.

    Attributes:
        file: the earlier report.
        allowed: the share by which a figure may be worse.
        compared: the number of arms and loads that both have.
        regressions: a line for each figure that is worse beyond the bound and the noise.
        notes: what cannot be compared or is not clear, and differences of the machine and the packages.
    """

    file: str
    allowed: float
    compared: int
    regressions: tuple[str, ...]
    notes: tuple[str, ...]

    def summary(self) -> str:
        """Return the outcome in one line."""
        count = len(self.regressions)
        what = f"{count} figure{'s are' if count > 1 else ' is'}" if count else "nothing is"
        outcome = f"{what} worse by more than {100 * self.allowed:g} %"
        return f"compared with {self.file}, {self.compared} measurement{'s' * (self.compared != 1)}: {outcome}"


def compare_runs(results: Sequence[BenchResult], earlier: EarlierReport, file: Path, allowed: float) -> RunComparison:
    """Return how ``results`` differ from ``earlier``: like with like, that is the same arm under the same load.

    Raises:
        InvalidInputError: they have no arm and load in common.
    """
    before = {(result.kind, result.name, *_key(one)): one for result in earlier.measured for one in result.results}
    now = {(result.kind, result.name, *_key(one)): one for result in results for one in result.results}
    common = [key for key in now if key in before]
    if now and not common:
        raise InvalidInputError(
            f"{str(file)!r} has no measurement of the same model, backend, batch and load: nothing can be compared; "
            "measure with the options of the earlier run",
            next_step="give the same command the options of the earlier run",
        )
    regressions: list[str] = []
    notes = [*_machine_notes(earlier), *_source_notes(results, earlier)]
    for key in common:
        for is_clear, text in _differences(str(key[1]), before[key], now[key], allowed):
            (regressions if is_clear else notes).append(text)
    missing = len(before) - len(common)
    if missing:
        notes.append(f"{missing} of {len(before)} earlier measurements were not repeated")
    return RunComparison(str(file), allowed, len(common), tuple(regressions), tuple(notes))


def _key(one: EarlierFigures | LoadFigures) -> _Key:
    return one.backend, one.batching, one.delay, one.instances, one.batch, one.callers, one.rate


def _differences(name: str, before: EarlierFigures, now: LoadFigures, allowed: float) -> Iterator[tuple[bool, str]]:
    """Yield each figure that is worse beyond the bound; False if the noise of the rounds may be the reason."""
    place = f"{name} on {_arm(now)} {load_text(now)}"
    if now.failed and not before.failed:
        yield True, f"{place}: {sum(now.failed.values())} of {now.requests} requests failed, none did before"
    earlier = [one.model_dump() for one in before.rounds]
    for kind in _FIGURES:
        if kind == "requests_per_second" and now.rate is not None:
            continue  # that many arrive, however slow the answers are
        old, new = _spread(earlier, kind), _spread(now.rounds, kind)
        if old is None or new is None or not old.median or not new.median:
            continue
        is_rate = kind == "requests_per_second"
        ratio = new.median / old.median
        if (ratio >= 1 - allowed) if is_rate else (ratio <= 1 + allowed):
            continue
        is_clear = new.high < old.low if is_rate else new.low > old.high
        unit, factor = _UNITS[kind]
        text = f"{place}: {figure(new.median, factor)} {unit}, {figure(old.median, factor)} before ({ratio:.3g} x)"
        yield is_clear, text if is_clear else f"{text}, within the noise of the rounds; measure longer to know"


def _spread(rounds: Sequence[Mapping[str, Any]], kind: str) -> Ratio | None:
    """Return the median of a figure over the rounds, with the interval that noise leaves open."""
    return ratio_of([one[kind] for one in rounds if one[kind] is not None])


def _arm(one: LoadFigures) -> str:
    batching = {None: "", True: ", batching", False: ", no batching"}[one.batching]
    instances = f", instances: {one.instances}" if one.instances is not None else ""
    delay = f" with {one.delay} us delay" if one.delay is not None else ""
    batch = f", batch: {one.batch}" if one.batch is not None else ""
    return f"{one.backend}{batching}{delay}{instances}{batch}"


def _machine_notes(earlier: EarlierReport) -> Iterator[str]:
    """Yield a note for each fact of the machine and each version that differs."""
    for kind, old, new in (("machine", earlier.machine, describe_machine()), ("package", earlier.packages, package_versions())):
        for name in sorted({*old, *new}):
            before, now = old.get(name, "none"), new.get(name, "none")
            if before != now:
                yield f"another {kind}: {name} was {before}, is {now}"


def _source_notes(results: Sequence[BenchResult], earlier: EarlierReport) -> Iterator[str]:
    sources = {(one.kind, one.name): one.source for one in earlier.measured}
    for result in results:
        before = sources.get((result.kind, result.name), result.source)
        if before != result.source:
            yield f"other requests for {result.name}: {result.source}; before: {before}"
