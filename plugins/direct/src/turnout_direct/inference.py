"""A torch model in this process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from turnout import InferenceRequest, InferenceResponse, ModelDeclaration, ModelInference, ModelObserver, ModelSignature
from turnout.errors import ClosedError, ForkedAfterLoadError, InferenceError, ModelLoadError, TurnoutError, text_of
from turnout.repository.versions import version_text
from turnout_direct.arrays import to_numpy, to_torch
from turnout_direct.devices import choose_device
from turnout_direct.forked_thread import call_torch
from turnout_direct.model_files import with_found_graph
from turnout_direct.module_loader import load_module
from turnout_direct.options import DirectOptions
from turnout_direct.precision import Precision, precision_of
from turnout_direct.threads import operator_threads

if TYPE_CHECKING:
    import torch


class Method(Protocol):
    """A method of a module that answers a request's tensors."""

    def __call__(self, inputs: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        """Return the output tensors by name."""

    def signature(self) -> ModelSignature:
        """Return the inputs and outputs, empty if unknown."""


class DirectInference(ModelInference):
    """Runs a torch module.

    Inputs are copied, so a module may write to them; the caller owns the outputs. Thread-safe if the module's own code is: no
    state changes after construction, except that ``close`` releases the module. A forked child refuses every request: the
    module may be in use by a thread that does not exist there. The app opens the model again.
    """

    def __init__(
        self,
        method: Method,
        model: str,
        device: torch.device,
        *,
        precision: Precision,
        threads: int | None,
        version: str = "",
    ) -> None:
        self._version = version
        self._method: Method | None = method
        self._signature = method.signature()
        self._model = model
        self._device = device
        self._precision = precision
        self._threads = threads
        self._pid = os.getpid()

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        method = self._method
        if method is None:
            raise ClosedError(f"model {self._model!r} on backend 'direct' is closed; open the app again")
        if os.getpid() != self._pid:
            raise ForkedAfterLoadError(
                f"model {self._model!r} was loaded in process {self._pid}, and this is its forked child {os.getpid()}, "
                "where it may hang; open it after the fork, or start workers with 'spawn'"
            )
        # A request may have waited for its turn; torch cannot be interrupted once it computes.
        request.check_deadline()
        try:
            outputs = call_torch(partial(self._answer, method, request))
            return InferenceResponse(outputs, request.id, model_version=self._version)
        except TurnoutError:
            raise
        except Exception as error:
            raise self._translate(error, request) from error

    def signature(self) -> ModelSignature:
        return self._signature

    def observe(self, observer: ModelObserver) -> None:
        observer.version(self._version)

    def ready(self) -> bool:
        return self._method is not None and os.getpid() == self._pid

    def close(self) -> None:
        self._method = None

    def _answer(self, method: Method, request: InferenceRequest) -> dict[str, Any]:
        import torch

        with torch.inference_mode(), operator_threads(self._threads):
            inputs = {name: to_torch(name, array, self._device) for name, array in request.inputs.items()}
            outputs = self._precision.widen(method(self._precision.narrow(inputs)))
            return {name: to_numpy(name, tensor) for name, tensor in outputs.items()}

    def _translate(self, error: Exception, request: InferenceRequest) -> InferenceError:
        import torch

        text = text_of(error)
        shapes = ", ".join(f"{name!r} {list(array.shape)}" for name, array in request.inputs.items())
        if isinstance(error, torch.OutOfMemoryError | MemoryError) or "not enough memory" in text:
            return InferenceError(
                f"model {self._model!r} ran out of memory on {str(self._device)!r} with {shapes}: {text}; send smaller batches"
            )
        return InferenceError(
            f"model {self._model!r} failed on {shapes}: {type(error).__name__}: {text}; correct the request or the module"
        )


def open_model(model: ModelDeclaration, options: DirectOptions) -> DirectInference:
    """Return the model that ``options`` describe, loaded; blocks.

    Raises:
        ModelLoadError: the module cannot be loaded, or cannot be called as ``options`` say.
        MissingDependencyError: the module's code needs a package that is not installed.
    """
    options = with_found_graph(model, options)
    module = load_module(options, model.folder, model.name)
    try:
        method = _create_method(module, model, options)
    except ValueError as error:
        raise ModelLoadError(f"model {model.name!r} cannot be called: {error}") from error
    return DirectInference(
        method,
        model.name,
        choose_device(options.device, model.name),
        precision=precision_of(model, options),
        threads=options.threads,
        version="" if options.path is None else version_text([Path(options.path)]),
    )


def _create_method(module: torch.nn.Module, model: ModelDeclaration, options: DirectOptions) -> Method:
    if options.method == "generate":
        from turnout_direct.generate_method import GenerateMethod

        return GenerateMethod(module, model, options.generate)
    from turnout_direct.forward_method import ForwardMethod

    return ForwardMethod(module, model, options)
