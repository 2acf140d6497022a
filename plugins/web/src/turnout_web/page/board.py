"""The board: the state of each model in one answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from turnout import Turnout
from turnout.errors import TurnoutError
from turnout.health import ModelHealth
from turnout_web.page.latency import Arm, Latency, read_latencies

if TYPE_CHECKING:
    from turnout.commands.status import ModelStatus

# Many open pages ask as often as one: a status reads evidence from the disk, and asks the servers.
FRESH_SECONDS = 3.0
NO_FILE = "The settings of this app are no file, so it has no stages, no evidence and no next command."


class Board:
    """Reads the state of the models of an app; an answer is kept for ``FRESH_SECONDS``. Thread-safe.

    ``_read_at`` changes under ``_lock``. A caller who comes while another one reads gets the answer before it.
    """

    def __init__(self, app: Turnout) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._content: dict[str, Any] | None = None

    def read(self) -> dict[str, Any]:
        """Return the board in types of JSON; blocks for seconds at most."""
        before = self._content
        # Threads that wait here would be missing elsewhere in the server.
        if not self._lock.acquire(blocking=before is None):
            return before or {}
        try:
            if self._content is None or time.monotonic() - self._read_at > FRESH_SECONDS:
                self._content = read_board(self._app)
                self._read_at = time.monotonic()
            return self._content
        finally:
            self._lock.release()


def read_board(app: Turnout) -> dict[str, Any]:
    """Return the health, latency, stage, evidence and next command of each model of ``app``, in types of JSON."""
    health = app.health()
    latencies = read_latencies(app.metrics.collect())
    statuses, note = _read_statuses(app)
    models = [_model_record(model, latencies, statuses.get(name)) for name, model in health.models.items()]
    return {"live": health.live, "ready": health.ready, "note": note, "models": models}


def _read_statuses(app: Turnout) -> tuple[Mapping[str, ModelStatus], str]:
    # The room of a command: it imports what only commands need.
    from turnout.commands.status import status_of_file

    if app.file is None:
        return {}, NO_FILE
    try:
        return {status.facts.model: status for status in status_of_file(app.file)}, ""
    except TurnoutError as error:
        # The file is being edited, while the app serves by what it has read.
        return {}, error.message


def _model_record(health: ModelHealth, latencies: Mapping[Arm, Latency], status: ModelStatus | None) -> dict[str, Any]:
    record = asdict(health)
    record["arms"] = [asdict(arm) | asdict(latencies.get((health.model, arm.backend), Latency())) for arm in health.arms]
    if status is None:
        return record | {"stage": None, "stage_name": None, "evidence": None, "next": None}
    stage = {"stage": int(status.stage), "stage_name": status.stage.name.lower()}
    return record | stage | {"evidence": status.evidence(), "next": asdict(status.next)}
