"""The models of an app as a KServe server names them: by name and version."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from functools import partial

from turnout import InferenceRequest, InferenceResponse, Model, ModelSignature, Turnout
from turnout.errors import ClosedError, InvalidRequestError
from turnout.health import ArmHealth, Health, ModelHealth
from turnout_web.kserve.pace import Pace
from turnout_web.problems import Problem

NO_VERSION = "1"
"""The version of a model that has no version folder: clients expect that each has one."""


QUICK_BYTES = 1 << 16
"""The largest body of a request that may run in the event loop."""


class ServedModel:
    """One model. Belongs to one event loop.

    Attributes:
        name: the name in turnout.yaml.
        model: the model itself.
        answered_version: the version of its last answer; empty before it.
        last_inference: the milliseconds since 1970 of its last answer in this process; 0 before it.
        pace: where its requests run.
    """

    __slots__ = ("_app", "answered_version", "last_inference", "model", "name", "pace")

    def __init__(self, app: Turnout, name: str) -> None:
        self._app = app
        self.model: Model = app.model(name)
        self.name = name
        self.answered_version = ""
        self.last_inference = 0
        self.pace = Pace(self.model, partial(app.waits_for_nothing, name))

    def note_answer(self, version: str) -> None:
        """Note that ``version`` has answered now."""
        self.answered_version = version or NO_VERSION
        self.last_inference = int(time.time() * 1000)

    async def infer(self, request: InferenceRequest, body_bytes: int) -> InferenceResponse:
        """Return the answer to ``request``, which came with ``body_bytes``. Raises as ``Model.ainfer``."""
        pace = self.pace
        if body_bytes <= QUICK_BYTES:
            if pace.is_quick():
                return pace.answer(request)
            # A thread cannot end at a deadline.
            if request.deadline is None and self.answered_version and pace.wants_sample():
                return await asyncio.to_thread(pace.sample, request)
        return await self.model.ainfer(request)

    def max_batch_size(self) -> int:
        """Return the most rows of a request; 0 without a batch axis."""
        return self._app.max_batch_size(self.name)

    def has_batches(self) -> bool:
        """Return whether the first axis of its tensors is a batch."""
        return self.max_batch_size() > 0

    async def signature(self) -> ModelSignature:
        """Return its inputs and outputs; a model that is not open is opened. Raises as ``Model.signature``."""
        return await asyncio.to_thread(self.model.signature)

    async def check_version(self, version: str | None) -> None:
        """Raise Problem 404 unless ``version`` is the one that answers, or None."""
        if version is None or version == self.answered_version:
            return
        found = await self.version()
        if version != found:
            raise Problem(
                404, f"model {self.name!r} has no version {version!r} here; it serves version {found!r}", model=self.name
            )

    async def version(self) -> str:
        """Return the version that answers now; a model that is not open is opened, for its version is not known before."""
        found = serving_arm(await self.health())
        if found.state == "unopened":
            await asyncio.to_thread(self.model.open)
            found = serving_arm(await self.health())
        return found.version or NO_VERSION

    async def health(self, timeout_seconds: float = 0.0) -> ModelHealth:
        """Return its health; its servers are asked for ``timeout_seconds`` at most."""
        health = await read_health(self._app, timeout_seconds)
        if self.name not in health.models:
            raise ClosedError("the app is closed")
        return health.models[self.name]


class ServedModels:
    """All models of an app."""

    def __init__(self, app: Turnout) -> None:
        self._app = app
        self._found: dict[str, ServedModel] = {}

    def find(self, name: str) -> ServedModel:
        """Return the model called ``name``.

        Raises:
            UnknownNameError: there is none.
        """
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = ServedModel(self._app, name)
        return found

    def __iter__(self) -> Iterator[ServedModel]:
        return iter([self.find(name) for name in sorted(self._app.models)])


def serving_arm(health: ModelHealth) -> ArmHealth:
    """Return the arm that serves a model: the first one."""
    return health.arms[0]


async def read_health(app: Turnout, timeout_seconds: float) -> Health:
    """Return the health of all models."""
    return await asyncio.to_thread(partial(app.health, timeout_seconds=timeout_seconds))


def seconds_of(header: bytes) -> float:
    """Return the seconds that the header ``X-Request-Timeout`` allows.

    Raises:
        InvalidRequestError: it is no number above 0.
    """
    try:
        seconds = float(header)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise InvalidRequestError(f"X-Request-Timeout is a number of seconds above 0, got {header.decode('latin-1')!r:.40}")
    return seconds
