"""The index of the models, and the refusal of model control: turnout.yaml decides which models are served."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from turnout import Turnout
from turnout.errors import InvalidRequestError
from turnout.files.limits import FileLimits
from turnout.health import ModelHealth
from turnout_web.kserve.json_text import parse_head
from turnout_web.kserve.metadata import json_response
from turnout_web.kserve.served import NO_VERSION, ServedModels, read_health, serving_arm
from turnout_web.problems import Problem
from turnout_web.settings import ServeSettings

_ASK_SECONDS = 1.0


class Repository:
    """The endpoints of the repository extension."""

    def __init__(self, app: Turnout, settings: ServeSettings, served: ServedModels) -> None:
        self._app, self._served = app, served
        self._limits = FileLimits("the request", settings.max_body_bytes, settings.max_json_depth, settings.max_json_values)

    async def index(self, request: Request) -> Response:
        """Return every model with its version and state; with ``{"ready": true}`` those that are ready."""
        body = await request.body()
        given = parse_head(body, self._limits, 'send {} or {"ready": true}') if body.strip() else {}
        only_ready = given.get("ready", False)
        if type(only_ready) is not bool:
            raise InvalidRequestError(f"'ready' is true or false, got {only_ready!r:.60}", field="ready")
        health = await read_health(self._app, _ASK_SECONDS)
        models = [model for _, model in sorted(health.models.items()) if model.ready or not only_ready]
        return json_response([_entry(model) for model in models])

    async def control(self, request: Request) -> Response:
        """Refuse to load or unload a model."""
        model = self._served.find(request.path_params["model"])
        raise Problem(
            403,
            f"load and unload are not allowed here: turnout.yaml names the models; edit it to change model {model.name!r}",
            model=model.name,
        )


def _entry(model: ModelHealth) -> dict[str, str]:
    return {
        "name": model.model,
        "version": serving_arm(model).version or NO_VERSION,
        "state": "READY" if model.ready else "UNAVAILABLE",
        "reason": model.reason,
    }
