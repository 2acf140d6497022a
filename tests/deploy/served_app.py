"""The WSGI app of these tests: pictures and tensors by HTTP, and the metrics."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl

import numpy as np

import turnout
from turnout.errors import InvalidRequestError, TurnoutError

WATCHED = turnout.open(os.environ["SERVED_SETTINGS"], watch=True)


def _run(values: dict[str, str]) -> dict[str, Any]:
    result = WATCHED.run(values["pipeline"], image=values["image"], timeout_seconds=10)
    return {"failures": len(result.failures)}


def _infer(values: dict[str, str]) -> dict[str, Any]:
    shape = tuple(map(int, values.get("shape", "1,3,128,128").split(",")))
    pixels = np.random.default_rng(int(values.get("seed", 0))).standard_normal(shape).astype(np.float32)
    answer = WATCHED.model(values["model"]).infer({"pixel_values": pixels})
    return {"mean": float(np.mean(answer["logits"]))}


def _metrics(_: dict[str, str]) -> str:
    return WATCHED.metrics_text()


def _reload(_: dict[str, str]) -> int:
    WATCHED.reload()
    return os.getpid()


ROUTES: dict[str, Callable[[dict[str, str]], Any]] = {
    "/run": _run,
    "/infer": _infer,
    "/metrics": _metrics,
    "/reload": _reload,
    "/pid": lambda _: os.getpid(),
}


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer one of ``ROUTES``: ``/run?pipeline=P&image=FILE``, ``/infer?model=M&seed=N&shape=1,3,128,128``, ..."""
    try:
        answer, status = ROUTES[environ["PATH_INFO"]](dict(parse_qsl(environ["QUERY_STRING"]))), "200 OK"
    except InvalidRequestError as error:
        answer, status = str(error), "400 Bad Request"
    except TurnoutError as error:
        answer, status = str(error), "503 Service Unavailable"
    start_response(status, [("Content-Type", "text/plain; version=0.0.4; charset=utf-8")])
    return [(answer if isinstance(answer, str) else json.dumps(answer)).encode()]
