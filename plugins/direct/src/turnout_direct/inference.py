"""Models of torch in this process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from turnout import InferenceRequest, InferenceResponse, ModelDeclaration, ModelInference, ModelSignature
from turnout.errors import ClosedError, ForkedAfterLoadError, InferenceError, ModelLoadError, TurnoutError, text_of
from turnout_direct.arrays import to_numpy, to_torch
from turnout_direct.devices import choose_device
from turnout_direct.load import load_module
from turnout_direct.options import DirectOptions
from turnout_direct.precision import Precision
from turnout_direct.threads import operator_threads

if TYPE_CHECKING:
    import torch


class Method(Protocol):
    """What is called with a request's tensors."""

    def __call__(self, inputs: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        """Return the output tensors by name."""

    def signature(self) -> ModelSignature:
        """Return the inputs and outputs that are known."""


class DirectInference(ModelInference):
    """Answers with a torch module.

    Inputs are copied, so a module may write into them; outputs are the caller's own. Thread-safe as far as the module's own
    code is; nothing here changes after it is made, but ``close`` lets go of the module. In a forked child torch's threads are
    gone and its operators would wait for them for ever, so there every request is refused.
    """

    def __init__(
        self,
        method: Method,
        model: str,
        device: torch.device,
        *,
        precision: Precision | None = None,
        threads: int | None = None,
    ) -> None:
        self._method: Method | None = method
        self._signature = method.signature()
        self._model = model
        self._device = device
        self._precision = precision or Precision()
        self._threads = threads
        self._pid = os.getpid()

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        method = self._method
        if method is None:
            raise ClosedError(f"model {self._model!r} on backend 'direct' is closed; open the app again")
        if os.getpid() != self._pid:
            raise ForkedAfterLoadError(
                f"model {self._model!r} was loaded in process {self._pid} and this is its forked child {os.getpid()}, "
                "where torch would hang; open the app after the fork, or start workers with 'spawn'"
            )
        try:
            return InferenceResponse(self._answer(method, request), request.id)
        except TurnoutError:
            raise
        except Exception as error:
            raise self._failure(error, request) from error

    def signature(self) -> ModelSignature:
        return self._signature

    def ready(self) -> bool:
        return self._method is not None and os.getpid() == self._pid

    def close(self) -> None:
        self._method = None

    def _answer(self, method: Method, request: InferenceRequest) -> dict[str, Any]:
        import torch

        with torch.inference_mode(), operator_threads(self._threads):
            inputs = {name: to_torch(name, array, self._device) for name, array in request.inputs.items()}
            outputs = self._precision.widened(method(self._precision.narrowed(inputs)))
            return {name: to_numpy(name, tensor) for name, tensor in outputs.items()}

    def _failure(self, error: Exception, request: InferenceRequest) -> InferenceError:
        import torch

        text = text_of(error)
        shapes = ", ".join(f"{name!r} {list(array.shape)}" for name, array in request.inputs.items())
        if isinstance(error, torch.OutOfMemoryError | MemoryError) or "not enough memory" in text:
            return InferenceError(
                f"model {self._model!r} ran out of memory on {str(self._device)!r} with {shapes}: {text}; send smaller batches"
            )
        return InferenceError(f"model {self._model!r} failed on {shapes}: {type(error).__name__}: {text}")


def open_model(model: ModelDeclaration, options: DirectOptions) -> DirectInference:
    """Return the model that ``options`` describe, loaded; blocks.

    Raises:
        ModelLoadError: it cannot be loaded, or cannot be called as ``options`` say.
        MissingDependencyError: its code needs a package that is not installed.
    """
    import torch

    module = load_module(options, model.folder, model.name)
    try:
        method = _method(module, model, options)
    except ValueError as error:
        raise ModelLoadError(f"model {model.name!r} cannot be called: {error}") from error
    reduced = options.dtype in ("float16", "bfloat16")
    kept = frozenset(spec.name for spec in model.outputs if spec.datatype in ("FP16", "BF16"))
    return DirectInference(
        method,
        model.name,
        choose_device(options.device, model.name),
        precision=Precision(getattr(torch, str(options.dtype)), kept) if reduced else None,
        threads=options.threads,
    )


def _method(module: torch.nn.Module, model: ModelDeclaration, options: DirectOptions) -> Method:
    if options.method == "generate":
        from turnout_direct.generate import Generate

        return Generate(module, model, options.generate)
    from turnout_direct.forward import Forward

    return Forward(module, model, options)
