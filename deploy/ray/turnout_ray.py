"""Turnout on Ray Serve: the models and pipelines of a turnout.yaml in replicas, over HTTP and by a handle.

Copy this file beside your turnout.yaml, then run: serve run turnout_ray:application config=turnout.yaml

Over HTTP it answers as ``turnout serve`` does: ``/v1/pipelines``, ``/v2``, ``/health``, ``/metrics``. In Python another
deployment calls ``handle.infer.remote(...)`` and ``handle.run.remote(...)``.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import ray
from pydantic import BaseModel
from ray import serve
from ray.exceptions import RayActorError
from ray.serve import Application
from ray.serve.exceptions import BackPressureError
from ray.serve.handle import DeploymentHandle
from starlette.requests import Request  # noqa: TID253  # an app, not a plugin
from starlette.responses import Response  # noqa: TID253  # as above

import turnout
from turnout import PipelineResult
from turnout_web.application import create_application
from turnout_web.settings import ServeSettings

# The workers of one machine write their metrics to this folder, and a scrape adds them up.
METRICS = "PROMETHEUS_MULTIPROC_DIR"
ATTEMPTS = 2
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]


class Arguments(BaseModel):
    """The keys that ``serve run`` and a Serve config file may set.

    Attributes:
        config: turnout.yaml; each node of the cluster must have it, and the files that it names, at this path.
        replicas: the processes that answer, each with models of its own.
        doors: the processes that take HTTP requests and pass them on; they have no models.
        max_ongoing_requests: the requests that a replica works on at once; more wait in front of it.
        max_queued_requests: the requests that may wait in front of a door or a handle; more are refused at once. -1: no limit.
        cpus: the cores that Ray reserves for a replica.
        gpus: the GPUs that Ray reserves for a replica; it sets CUDA_VISIBLE_DEVICES to them.
    """

    config: str = "turnout.yaml"
    replicas: int = 2
    doors: int = 1
    max_ongoing_requests: int = 32
    max_queued_requests: int = 256
    cpus: float = 1.0
    gpus: float = 0.0


class Replica:
    """One process with models of its own."""

    def __init__(self, config: str) -> None:
        Path(os.environ[METRICS]).mkdir(parents=True, exist_ok=True)
        self._app = turnout.open(config)
        self._http = create_application(self._app, ServeSettings())

    async def infer(
        self, model: str, inputs: dict[str, np.ndarray], timeout_seconds: float | None = None
    ) -> dict[str, np.ndarray]:
        """Return the outputs of a model; its errors are Turnout's."""
        return dict(await self._app.model(model).ainfer(inputs, timeout_seconds=timeout_seconds))

    async def run(self, pipeline: str, timeout_seconds: float | None = None, **values: Any) -> PipelineResult:
        """Run a pipeline; its errors are Turnout's."""
        return await self._app.arun(pipeline, values, timeout_seconds=timeout_seconds)

    async def answer_http(self, scope: dict[str, Any], body: bytes) -> Answer:
        """Return the answer of ``turnout serve`` to one whole request."""
        answers: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            answers.append(message)

        await self._http(scope, receive, send)
        start, *parts = answers
        return start["status"], list(start["headers"]), b"".join(part.get("body", b"") for part in parts)


class Door:
    """Passes HTTP requests on to the replicas. One whose replica dies is sent once more: an inference changes nothing."""

    def __init__(self, replicas: DeploymentHandle) -> None:
        self._replicas = replicas
        self._most_bytes = ServeSettings().max_body_bytes

    async def __call__(self, request: Request) -> Response:
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > self._most_bytes:
                return problem(413, f"the body has more than {self._most_bytes} bytes; send a smaller one")
        scope = {name: request.scope[name] for name in ("type", "http_version", "method", "scheme", "query_string", "headers")}
        path = request.url.path
        scope |= {"asgi": {"version": "3.0"}, "path": path, "raw_path": path.encode(), "root_path": ""}
        return await self._pass_on(scope, bytes(body))

    async def _pass_on(self, scope: dict[str, Any], body: bytes) -> Response:
        for _ in range(ATTEMPTS):
            try:
                status, headers, answer = await self._replicas.answer_http.remote(scope, body)
            except RayActorError:
                continue
            except BackPressureError:
                return problem(503, "all replicas are busy and enough requests wait already; send it again later", wait=1)
            response = Response(answer, status)
            response.raw_headers = headers
            return response
        return problem(503, f"the replica of this request died, {ATTEMPTS} times; send it again", wait=1)


def problem(status: int, detail: str, wait: int | None = None) -> Response:
    """Return an error as ``turnout serve`` writes it."""
    headers = {} if wait is None else {"Retry-After": str(wait)}
    body = {"type": "about:blank", "status": status, "detail": detail, "error": detail}
    return Response(json.dumps(body) + "\n", status, headers, "application/problem+json")


def application(arguments: Arguments) -> Application:
    """Return the deployments for ``serve run``, ``serve deploy`` and ``serve.run``."""
    session = ray.get_runtime_context().get_session_name()
    folder = Path(tempfile.gettempdir()) / f"turnout-metrics-{session}"
    replicas = serve.deployment(
        Replica,
        name="turnout",
        num_replicas=arguments.replicas,
        max_ongoing_requests=arguments.max_ongoing_requests,
        max_queued_requests=arguments.max_queued_requests,
        ray_actor_options={
            "num_cpus": arguments.cpus,
            "num_gpus": arguments.gpus,
            "runtime_env": {"env_vars": {METRICS: str(folder)}},
        },
        health_check_period_s=2,
        graceful_shutdown_timeout_s=20,
    )
    doors = serve.deployment(
        Door, name="door", num_replicas=arguments.doors, max_ongoing_requests=1000, ray_actor_options={"num_cpus": 0.1}
    )
    return doors.bind(replicas.bind(str(Path(arguments.config).resolve())))
