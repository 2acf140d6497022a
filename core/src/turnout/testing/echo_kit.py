"""The echo kit: opens echo models of the backend under test, and calls them with a time limit."""

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
    """Opens echo models, and calls them with a time limit.

    Attributes:
        datatypes: the KServe datatypes that the backend supports; FP32 must be one of them.
        input_name: the name of the model's only input; any name.
        output_name: the name of its only output; any name, also that of the input.
        limit_seconds: the time after which a call counts as hanging.
    """

    datatypes: Sequence[str] = tuple(DTYPES)
    input_name = "x"
    output_name = "y"
    limit_seconds = 60.0

    def model(self, datatype: str, shape: tuple[int, ...]) -> ModelInference:
        """Return a new model that returns its input, of ``datatype`` and ``shape`` (-1 for any size), unchanged.

        For ``shape`` ``()``, rank 0, it may raise a TurnoutError instead.
        """
        raise NotImplementedError("a conformance test must define model(), which opens a model of the backend")

    def bad_requests(self) -> Mapping[str, InferenceRequest]:
        """Return requests that an FP32 [-1, 3] model must refuse, by their defect; add those of your backend."""
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
    def open_echo(self, datatype: str, shape: tuple[int, ...] = ANY_BY_3) -> Iterator[ModelInference]:
        """Open an echo model; close it at the end."""
        with contextlib.closing(self.model(datatype, shape)) as model:
            yield model

    def infer(self, model: ModelInference, request: InferenceRequest, what: str = "infer") -> InferenceResponse:
        """Return the answer to ``request``; AssertionError after ``limit_seconds``."""
        return Pending(lambda: model.infer(request)).result(self.limit_seconds, what)

    def echo(self, model: ModelInference, array: NDArray[Any]) -> NDArray[Any]:
        """Return the output for ``array``; AssertionError after ``limit_seconds``."""
        return Pending(lambda: self.echo_here(model, array)).result(self.limit_seconds, "infer")

    def echo_here(self, model: ModelInference, array: NDArray[Any]) -> NDArray[Any]:
        """Return the output for ``array``, called in this thread without a limit."""
        return self._output_of(model.infer(self.request(array)))

    async def aecho(self, model: ModelInference, array: NDArray[Any]) -> NDArray[Any]:
        """Return the output for ``array``, through ``ainfer``."""
        return self._output_of(await model.ainfer(self.request(array)))

    def require_echo(self, model: ModelInference, array: NDArray[Any], what: str) -> None:
        """Raise AssertionError unless ``array`` is returned bit for bit."""
        want = array.copy()
        require_same_bits(self.echo(model, array), want, what)

    def require_echo_or_refusal(self, model: ModelInference, array: NDArray[Any], what: str) -> None:
        """Raise AssertionError unless ``array`` is returned bit for bit, or refused with one clear line."""
        refusal(lambda: self.require_echo(model, array, what), what)

    def refusal_of(self, model: ModelInference, request: InferenceRequest, what: str) -> TurnoutError | None:
        """Return the error that refuses ``request``; None if it is answered."""
        return refusal(lambda: self.infer(model, request, what), what)

    def _output_of(self, response: object) -> NDArray[Any]:
        return require_outputs(response, [self.output_name]).outputs[self.output_name]
