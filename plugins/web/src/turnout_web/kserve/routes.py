"""The routes of KServe v2."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from turnout import Turnout
from turnout_web.kserve.infer import InferEndpoint
from turnout_web.kserve.served import ServedModels
from turnout_web.settings import ServeSettings

MODEL = "/v2/models/{model}"
VERSION = MODEL + "/versions/{version}"


def routes(app: Turnout, settings: ServeSettings) -> list[BaseRoute]:
    """Return the routes, the most used first."""
    served = ServedModels(app)
    infer = InferEndpoint(app, settings, served)
    return [Route(f"{place}/infer", infer, methods=["POST"]) for place in (MODEL, VERSION)]
