"""An earlier report, as ``--json`` wrote it, for a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from turnout.commands.bench.report.content import FORMAT
from turnout.errors import InvalidInputError
from turnout.files.limits import BENCH_REPORT
from turnout.files.strict_json import read_json

_Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Part(BaseModel):
    """A part of a report; keys that a later version added are ignored."""

    model_config = ConfigDict(frozen=True, strict=True, hide_input_in_errors=True)


class EarlierRound(_Part):
    """The facts of a round."""

    requests_per_second: _Number
    p50: _Number | None
    p95: _Number | None


class EarlierFigures(_Part):
    """The figures of an arm under a load; see ``LoadFigures``."""

    backend: str
    batching: bool | None
    delay: int | None
    instances: int | None
    batch: int | None
    callers: int | None
    rate: float | None
    requests: int
    failed: Mapping[str, int]
    rounds: Annotated[list[EarlierRound], Field(min_length=1)]


class EarlierResult(_Part):
    """The figures of a model or a pipeline; without any if it failed."""

    kind: str = ""
    name: str = ""
    source: str = ""
    results: list[EarlierFigures] = []


class EarlierReport(_Part):
    """A report."""

    format: Literal[1]
    measured_at: str
    machine: Mapping[str, str | int]
    packages: Mapping[str, str]
    measured: list[EarlierResult]


def read_earlier(file: Path) -> EarlierReport:
    """Return the report in ``file``.

    Raises:
        InvalidInputError: it cannot be read, or is no report of this format.
    """
    try:
        return EarlierReport.model_validate(read_json(file, BENCH_REPORT))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "it"
        reason = f"{place}: {first['msg']}"
    except OSError as error:
        reason = error.strerror or str(error)
    except ValueError as error:
        reason = str(error)
    raise InvalidInputError(
        f"{str(file)!r} is no report of turnout bench --json, format {FORMAT}: {reason}",
        next_step="give --compare a file that turnout bench --json wrote",
    )
