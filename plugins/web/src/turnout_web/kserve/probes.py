"""Health in KServe v2's form: an empty 200 for yes, 400 with the reason for no."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from turnout import Turnout
from turnout_web.kserve.metadata import find_version
from turnout_web.kserve.served import ServedModels, read_health
from turnout_web.problems import Problem

# A server that is asked whether it is ready has this long to answer.
_ASK_SECONDS = 1.0


class Probes:
    """The endpoints that say whether the server is live and ready, and whether a model is."""

    def __init__(self, app: Turnout, served: ServedModels) -> None:
        self._app, self._served = app, served

    async def live(self, _: Request) -> Response:
        """Return 200 unless the app is closed."""
        if not (await read_health(self._app, 0.0)).live:
            raise Problem(400, "the app is closed and answers no request again; start the server again")
        return Response()

    async def ready(self, _: Request) -> Response:
        """Return 200 if a request to any model would be answered now."""
        health = await read_health(self._app, _ASK_SECONDS)
        if not health.ready:
            raise Problem(400, f"not ready: {'; '.join(health.reasons)}")
        return Response()

    async def model_ready(self, request: Request) -> Response:
        """Return 200 if a request to one model would be answered now; an unopened model is opened by it."""
        model = await find_version(self._served, request)
        health = await model.health(_ASK_SECONDS)
        if not health.ready:
            raise Problem(400, f"model {model.name!r} is not ready: {health.reason}", model=model.name)
        return Response()
