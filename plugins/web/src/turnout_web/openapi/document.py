"""The document, generated from the models and pipelines of an app."""

from __future__ import annotations

import turnout
from turnout import Turnout
from turnout_web.openapi.model_paths import model_paths
from turnout_web.openapi.operation import Json
from turnout_web.openapi.operation_paths import operation_paths
from turnout_web.openapi.page_paths import page_paths
from turnout_web.openapi.pipeline_paths import pipeline_paths
from turnout_web.openapi.schemas import SCHEMAS, problem_responses
from turnout_web.settings import ServeSettings

DOCUMENT = "/openapi.json"
_BEARER = {"bearer": {"type": "http", "scheme": "bearer"}}


def document(app: Turnout, settings: ServeSettings) -> Json:
    """Return the OpenAPI 3.1 document of the server of ``app``; blocks, because it creates the steps of each pipeline."""
    components: Json = {"schemas": SCHEMAS, "responses": problem_responses()}
    found: Json = {
        "openapi": "3.1.0",
        "info": {
            "title": "Turnout",
            "version": turnout.__version__,
            "description": "The models and pipelines of turnout.yaml. Each error is a problem (RFC 9457) with one clear line.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": {**pipeline_paths(app), **model_paths(app), **page_paths(app), **operation_paths()},
        "components": components,
    }
    if settings.token is not None:
        components["securitySchemes"] = _BEARER
        found["security"] = [{"bearer": []}]
    return found
