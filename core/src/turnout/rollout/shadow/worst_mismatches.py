"""The worst mismatches of a shadow: records on disk that can be replayed."""

from __future__ import annotations

import itertools
import logging
import os
import re
from datetime import UTC, datetime
from pathlib import Path

from turnout.errors import TurnoutError
from turnout.files.atomic import open_atomic
from turnout.inference import InferenceResponse
from turnout.parity import Parity
from turnout.recording import RecordedRequest
from turnout.rollout.shadow.mirrored_request import MirroredRequest

logger = logging.getLogger(__name__)

_NAME = re.compile(r"worst-[0-9]{2}-[0-9]\.[0-9]{3}-[0-9]+-[0-9]{6,}\.npz")
_numbers = itertools.count(1)


class WorstMismatches:
    """Keeps the ``keep`` answers that exceed their tolerance the most, each with its request and the primary's answer.

    Used by the threads of one shadow. Several processes may share ``directory``, which has the worst of all of them. The name
    of a file begins with the excess, so that a listing in reverse order shows the worst first.
    """

    def __init__(self, directory: Path | None, keep: int, model: str, backends: tuple[str, str]) -> None:
        self._directory = directory
        self._keep = keep
        self._model = model
        self._primary, self._shadow = backends
        self._failure_logged = False

    def offer(self, request: MirroredRequest, answer: InferenceResponse, parity: Parity) -> None:
        """Write a mismatch to disk if it is one of the worst. A failed write is logged once."""
        if not self._keep or self._directory is None:
            return
        try:
            # Listed each time, because other processes add to the folder too.
            known = _files(self._directory)
            if len(known) < self._keep or parity.excess > _excess(known[-1]):
                self._write(self._directory, self._record(request), answer, parity.excess)
                _remove(_files(self._directory)[self._keep :])
        except (OSError, TurnoutError) as error:
            if not self._failure_logged:
                logger.warning("model %r: a mismatch cannot be kept in %r: %s", self._model, str(self._directory), error)
            self._failure_logged = True

    def _record(self, request: MirroredRequest) -> RecordedRequest:
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        return RecordedRequest(
            request.inputs,
            request.outputs,
            self._model,
            self._primary,
            now,
            request.seconds,
            request.id,
            dict(request.parameters),
        )

    def _write(self, directory: Path, record: RecordedRequest, answer: InferenceResponse, excess: float) -> None:
        # Users' data: only the owner may read the folder, and open_atomic makes files readable by their owner only.
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open_atomic(directory / f"{_rank(excess)}-{os.getpid()}-{next(_numbers):06d}.npz") as stream:
            record.write(stream, {self._shadow: answer.outputs})


def _rank(excess: float) -> str:
    """Return the excess in a form that sorts as text: exponent, then digits. Infinity sorts last."""
    digits, exponent = f"{min(excess, 9.999e98):.3e}".split("e")
    return f"worst-{max(int(exponent), 0):02d}-{digits}"


def _excess(file: Path) -> float:
    _, exponent, digits, *_ = file.name.split("-")
    return float(f"{digits}e{exponent}")


def _files(directory: Path) -> list[Path]:
    """Return the kept mismatches in ``directory``, the worst first; a file with another name is the user's."""
    return sorted((file for file in directory.glob("worst-*.npz") if _NAME.fullmatch(file.name)), reverse=True)


def _remove(files: list[Path]) -> None:
    for file in files:
        # Another process may have removed it.
        file.unlink(missing_ok=True)
