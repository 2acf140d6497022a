"""The routes of KServe v2."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from turnout import Turnout
from turnout_web.kserve.infer import InferEndpoint
from turnout_web.kserve.metadata import ModelMetadata, describe_server
from turnout_web.kserve.probes import Probes
from turnout_web.kserve.repository import Repository
from turnout_web.kserve.served import ServedModels
from turnout_web.kserve.statistics import Statistics
from turnout_web.settings import ServeSettings

MODEL = "/v2/models/{model}"
VERSION = MODEL + "/versions/{version}"
PROBES = ("/v2/health/live", "/v2/health/ready")
_CONTROL = "/v2/repository/models/{model}/"


def routes(app: Turnout, settings: ServeSettings) -> list[BaseRoute]:
    """Return the routes, the most used first."""
    served = ServedModels(app)
    infer, metadata = InferEndpoint(app, settings, served), ModelMetadata(served)
    probes, statistics = Probes(app, served), Statistics(app, served)
    repository = Repository(app, settings, served)
    of_model = {
        "": metadata.describe,
        "/ready": probes.model_ready,
        "/config": metadata.configuration,
        "/stats": statistics.of_model,
    }
    return [
        *(Route(f"{place}/infer", infer, methods=["POST"]) for place in (MODEL, VERSION)),
        Route("/v2", describe_server),
        *(Route(path, probe) for path, probe in zip(PROBES, (probes.live, probes.ready), strict=True)),
        Route("/v2/models/stats", statistics.of_all),
        *(Route(place + rest, endpoint) for place in (MODEL, VERSION) for rest, endpoint in of_model.items()),
        Route("/v2/repository/index", repository.index, methods=["POST"]),
        *(Route(_CONTROL + what, repository.control, methods=["POST"]) for what in ("load", "unload")),
    ]
