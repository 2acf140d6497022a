"""An ONNX Runtime model in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from turnout import InferenceRequest, InferenceResponse, ModelInference, ModelObserver, ModelSignature
from turnout.errors import ClosedError, ForkedAfterLoadError, InferenceError, InvalidRequestError, TurnoutError, text_of
from turnout.forking import Forks
from turnout.tensors import BYTES, as_bytes_elements
from turnout_onnxruntime.bfloat16 import OrtValueRun
from turnout_onnxruntime.engine_run import engine_run
from turnout_onnxruntime.input_feed import InputFeed

_FATAL = 4


class OnnxruntimeInference(ModelInference):
    """Runs one session.

    Thread-safe without a lock: ONNX Runtime's sessions are, and ``_run`` changes once, in ``close``; calls in flight end with
    the old value. The caller owns the outputs: ONNX Runtime copies even an input that it returns. A forked child refuses every
    request: of 60 children forked while other threads were in a call, 2 to 19 hung (1.32), for any number of threads.
    """

    def __init__(self, runtime: Any, session: Any, signature: ModelSignature, model: str, version: str = "") -> None:
        self._model = model
        self._version = version
        self._signature = signature
        self._feed = InputFeed(signature.inputs, model)
        self._dtypes = self._feed.dtypes
        self._names = [spec.name for spec in signature.outputs]
        self._bytes_outputs = [index for index, spec in enumerate(signature.outputs) if spec.datatype == BYTES]
        datatypes = {spec.datatype for spec in (*signature.inputs, *signature.outputs)}
        run = OrtValueRun(session, runtime.OrtValue) if "BF16" in datatypes else engine_run(session, signature)
        self._run: Callable[..., list[Any]] | None = run
        # The engine alone would do; ONNX Runtime does not promise that it may outlive its session.
        self._session = session
        self._required = sum(not spec.optional for spec in signature.inputs)
        self._only_name = self._names[0] if len(self._names) == 1 and not self._bytes_outputs else None
        # A failed call raises, so ONNX Runtime need not print the error too.
        self._run_options = runtime.RunOptions()
        self._run_options.log_severity_level = _FATAL
        self._forks = Forks.count

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        run = self._run
        if run is None or self._forks != Forks.count:
            raise self._refusal()
        if request.deadline is not None or len(request.inputs) < self._required:
            self._check(request)
        inputs = request.inputs
        try:
            # Most requests need no conversion; comparing dtypes by identity is the cheapest test for that.
            for name, array in inputs.items():
                if array.dtype is not self._dtypes.get(name):
                    inputs = self._feed.convert(inputs)
                    break
            outputs = run(self._names, inputs, self._run_options)
        except TurnoutError:
            raise
        except Exception as error:
            raise self._translate(error, request) from error
        if self._only_name is not None:
            return InferenceResponse({self._only_name: outputs[0]}, request.id, model_version=self._version)
        return InferenceResponse(self._named(outputs), request.id, model_version=self._version)

    def signature(self) -> ModelSignature:
        return self._signature

    def observe(self, observer: ModelObserver) -> None:
        observer.version(self._version)

    def ready(self) -> bool:
        return self._run is not None and self._forks == Forks.count

    def close(self) -> None:
        # A forked child keeps the session: its destructor can wait for threads that exist only in the parent.
        if self._forks == Forks.count:
            self._run = self._session = None

    def _check(self, request: InferenceRequest) -> None:
        """Raise for a request that is late or lacks an input, of which the engine itself may take no notice."""
        request.check_deadline()
        if len(request.inputs) < self._required:
            self._feed.check(request.inputs)

    def _named(self, outputs: list[Any]) -> dict[str, Any]:
        for index in self._bytes_outputs:
            outputs[index] = as_bytes_elements(outputs[index], self._names[index])
        return dict(zip(self._names, outputs, strict=True))

    def _refusal(self) -> TurnoutError:
        if self._run is None:
            return ClosedError(f"model {self._model!r} is closed; open the app again with turnout.open")
        return ForkedAfterLoadError(
            f"model {self._model!r} was loaded by ONNX Runtime before this process was forked and may hang here; "
            "call turnout.open after the fork, in each worker"
        )

    def _translate(self, error: Exception, request: InferenceRequest) -> TurnoutError:
        self._feed.check(request.inputs)
        # onnxruntime's exceptions have no public base class, so compare names.
        if type(error).__name__ == "InvalidArgument":
            return InvalidRequestError(
                f"model {self._model!r} refuses the values of its inputs: {text_of(error)}; correct the request"
            )
        return InferenceError(
            f"model {self._model!r} failed in ONNX Runtime: {type(error).__name__}: {text_of(error)}; "
            "try smaller inputs, then check the model"
        )
