"""A plugin whose one backend runs in this process: the fallback of the chaos tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import turnout
from turnout import Backend, InferenceRequest, InferenceResponse, ModelInference, hookimpl
from turnout.testing import Slow

LOCAL_SECONDS = 0.005


class Copies(ModelInference):
    """Returns ``y``, a copy of ``x``, as ``identity`` on the server."""

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        return InferenceResponse({name.replace("x", "y"): np.array(x) for name, x in request.inputs.items()}, request.id)


def slow_copies() -> ModelInference:
    return Slow(LOCAL_SECONDS, Copies())


class Local:
    """The model that the backend opens; a test may replace it."""

    opens: Callable[[], ModelInference] = staticmethod(slow_copies)


class NoOptions(turnout.Options):
    pass


@hookimpl
def turnout_backends() -> list[Backend]:
    return [Backend("local", lambda declaration, options: Local.opens(), NoOptions)]
