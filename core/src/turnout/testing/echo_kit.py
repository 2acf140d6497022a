"""What the conformance checks know of the backend that they look at."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import TurnoutError
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.tensors import DTYPES
from turnout.testing.probing import Pending, refusal, require_outputs, require_same_bits

ANY_BY_3 = (-1, 3)


class EchoKit:
    """Opens echo models of the backend under test and asks them, with a limit to every call.

    Attributes:
        datatypes: the KServe datatypes that the backend says it supports; FP32 must be among them.
        input_name: the name of the model's one input.
        output_name: the name of its one output.
        limit_seconds: how long any one call may take before it counts as hanging.
    """

    datatypes: Sequence[str] = tuple(DTYPES)
    input_name = "x"
    output_name = "y"
    limit_seconds = 60.0

    def model(self, datatype: str, shape: tuple[int, ...]) -> ModelInference:
        """Return a new model that answers its input, of ``datatype`` and ``shape`` (-1 for any size), unchanged.

        For ``shape`` ``()``, rank 0, it may raise a TurnoutError instead.
        """
        raise NotImplementedError("a conformance test says how a model of its backend is opened: define model()")

    def bad_requests(self) -> Mapping[str, InferenceRequest]:
        """Return requests that an FP32 [-1, 3] model does not take, by what is wrong with each; add your backend's own."""
        name, good = self.input_name, np.ones((2, 3), np.float32)
        return {
            "no input": InferenceRequest({}),
            "a misspelt input": InferenceRequest({f"{name}_": good}),
            "one input too many": InferenceRequest({name: good, f"{name}_": good}),
            "FP64 for FP32": InferenceRequest({name: good.astype(np.float64)}),
            "BYTES for FP32": InferenceRequest({name: good.astype(object)}),
            "complex numbers": InferenceRequest({name: good.astype(np.complex64)}),
            "rank 1": InferenceRequest({name: good[0]}),
            "rank 3": InferenceRequest({name: good[None]}),
            "a wrong size": InferenceRequest({name: good[:, :2]}),
        }

    def request(self, array: NDArray[Any], *, id: str = "", deadline: float | None = None) -> InferenceRequest:
        """Return a request for an echo model."""
        return InferenceRequest({self.input_name: array}, deadline, id)

    @contextmanager
    def opened(self, datatype: str, shape: tuple[int, ...] = ANY_BY_3) -> Iterator[ModelInference]:
        """Open an echo model, and close it afterwards."""
        with contextlib.closing(self.model(datatype, shape)) as model:
            yield model

    def infer(self, model: ModelInference, request: InferenceRequest, what: str = "infer") -> InferenceResponse:
        """Return the answer to ``request``, or AssertionError after ``limit_seconds``."""
        return Pending(lambda: model.infer(request)).result(self.limit_seconds, what)

    def echo(self, model: ModelInference, array: NDArray[Any]) -> NDArray[Any]:
        """Return what ``model`` makes of ``array``, or AssertionError after ``limit_seconds``."""
        return Pending(lambda: self.echo_here(model, array)).result(self.limit_seconds, "infer")

    def echo_here(self, model: ModelInference, array: NDArray[Any]) -> NDArray[Any]:
        """Return what ``model`` makes of ``array``, asked in this very thread."""
        response = require_outputs(model.infer(self.request(array)), [self.output_name])
        return response.outputs[self.output_name]

    async def aecho(self, model: ModelInference, array: NDArray[Any]) -> NDArray[Any]:
        """Return what ``model`` makes of ``array``, through ``ainfer``."""
        response = require_outputs(await model.ainfer(self.request(array)), [self.output_name])
        return response.outputs[self.output_name]

    def require_echo(self, model: ModelInference, array: NDArray[Any], what: str) -> None:
        """Return if ``array`` comes back bit for bit."""
        want = array.copy()
        require_same_bits(self.echo(model, array), want, what)

    def require_echo_or_refusal(self, model: ModelInference, array: NDArray[Any], what: str) -> None:
        """Return if ``array`` comes back bit for bit, or is refused with one clear line."""
        refusal(lambda: self.require_echo(model, array, what), what)

    def refused(self, model: ModelInference, request: InferenceRequest, what: str) -> TurnoutError | None:
        """Return the error with which ``request`` is refused, None if it is answered."""
        return refusal(lambda: self.infer(model, request, what), what)
