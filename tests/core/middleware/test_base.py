"""What every middleware passes on."""

from __future__ import annotations

from turnout import InferenceRequest, InferenceResponse, ModelSignature
from turnout.middleware.base import Middleware
from turnout.tensors import TensorSpec
from turnout.testing import PlusOne


class Known(PlusOne):
    def signature(self) -> ModelSignature:
        return ModelSignature((TensorSpec("x", "FP32", (-1,)),))


class Passes(Middleware):
    def infer(self, request: InferenceRequest) -> InferenceResponse:
        return self.inner.infer(request)


def test_signature_and_readiness_are_those_of_the_inner_model_which_it_closes() -> None:
    inner = Known()
    middleware = Passes(inner)

    before = middleware.ready()
    middleware.close()

    assert middleware.signature() == inner.signature()
    assert (before, middleware.ready(), inner.ready()) == (True, False, False)
