"""The verdict on a request's tensors: what a model accepts, by one signature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy import ndarray
from numpy.typing import NDArray

from turnout.error_text import type_name
from turnout.errors import InvalidTensorError, listing, one_line, suggestion
from turnout.inference import ModelSignature
from turnout.tensors import BYTES, DTYPES, DeviceTensor, TensorSpec, as_tensor, describe
from turnout.tensors.elements import as_bytes_elements, check_utf8
from turnout.tensors.given import named_values
from turnout.tensors.spec import plain_array
from turnout.validation.tensor_form import GoodShapes, accept_none, form_check

_SCANNED = frozenset({BYTES, "BOOL"})


class TensorRules:
    """Decides alone which inputs a model accepts, so that no backend sees any other. Immutable but for a memory of shapes.

    Attributes:
        signature: what the rules are made of; without inputs, every array of a KServe datatype is accepted.
        accepts: returns whether inputs are plain and right at a glance, as most are; if not, ``plain`` looks closer.
    """

    def __init__(self, signature: ModelSignature, model: str, max_batch_size: int) -> None:
        self.signature = signature
        self._model = model
        self._max_batch_size = max_batch_size
        quick = tuple((spec.name, spec.dtype, GoodShapes(spec, max_batch_size)) for spec in signature.inputs)
        self._specs = {spec.name: spec for spec in signature.inputs}
        # What messages say of the inputs, or their names alone.
        self._required = {spec.name: str(spec) for spec in signature.inputs if not spec.optional}
        self._required = self._required or dict.fromkeys(signature.input_names, "")
        self._known = {spec.name: str(spec) for spec in signature.inputs}
        self._known = self._known or dict.fromkeys((*signature.input_names, *signature.optional_names), "")
        has_values = any(spec.datatype in _SCANNED for spec in signature.inputs)
        self._have_form = form_check(quick)
        # Never where more than names, datatypes and shapes counts: values, or equal batches of several inputs.
        is_enough = not has_values and not (max_batch_size and len(quick) > 1)
        self.accepts = self._have_form if is_enough else accept_none

    def plain(self, inputs: Mapping[str, NDArray[Any]], *, device_tensors: bool) -> Mapping[str, NDArray[Any]]:
        """Return ``inputs`` as every backend accepts them: themselves if they are plain, as most are.

        Raises:
            InvalidTensorError: they are not what the model accepts; ``field`` names the first that is not.
        """
        if self.accepts(inputs):
            return inputs
        formed = self._have_form(inputs)
        plain: Mapping[str, Any] = inputs if formed else self._check(inputs)
        # Before the values: a row that is repeated without memory, as numpy.broadcast_to does, has no end.
        if self._max_batch_size:
            self._check_batch(plain)
        plain = self._scan(plain if formed or device_tensors else _on_host(plain))
        return inputs if _is_same(plain, inputs) else plain

    def same_as(self, other: TensorRules) -> bool:
        """Return whether both decide the same."""
        return _facts(self.signature) == _facts(other.signature)

    def _check(self, given: object) -> dict[str, Any]:
        inputs = named_values(given)
        self._check_names(inputs)
        return {name: self._plain(name, value, self._specs.get(name)) for name, value in inputs.items()}

    def _check_names(self, inputs: Mapping[str, object]) -> None:
        known = self._known
        for name in inputs if known else ():
            if name not in known:
                raise InvalidTensorError(
                    f"model {self._model!r} has no input {name!r}; it takes: {_list(known)}.{suggestion(name, known)}"
                    f"{self._declaration(name, inputs)}",
                    field=name,
                )
        for name, spec in self._required.items():
            if name not in inputs:
                described = f" ({spec})" if spec else ""
                raise InvalidTensorError(
                    f"model {self._model!r} needs input {name!r}{described}; got: {listing(inputs or ('nothing',))}", field=name
                )

    def _declaration(self, name: str, inputs: Mapping[str, object]) -> str:
        """Return the line that gives the only input another name, for a model whose input is known by name alone."""
        array, signature = inputs[name], self.signature
        is_free = not signature.inputs and len(signature.input_names) == len(inputs) == 1
        if not is_free or not name.isidentifier() or type(array) is not ndarray:
            return ""
        datatype, _, sizes = describe(array).partition(" ")
        own = array.shape[1:] if self._max_batch_size else array.shape
        shape = ",".join(map(str, own))
        line = f"inputs: {{{name}: '{datatype}[{shape}]'}}"
        return f" To call it so, declare it in turnout.yaml, free sizes as -1: {line}" if datatype in DTYPES and sizes else ""

    def _plain(self, name: str, value: object, spec: TensorSpec | None) -> Any:
        # Not isinstance: a foreign object's __class__ may raise, or lie.
        if not issubclass(type(value), ndarray | DeviceTensor):
            raise InvalidTensorError(
                f"tensor {name!r} must be a numpy array, got {type_name(value)}, for model {self._model!r}; "
                "convert it with numpy.asarray",
                field=name,
            )
        # A subclass may lie about its dtype and shape, or raise; numpy's own view of it does not.
        array: Any = value if type(value) is DeviceTensor else np.asarray(value)
        if spec is not None and not spec.accepts(array):
            raise InvalidTensorError(
                f"tensor {name!r} must be {spec}, got {describe(array)}, for model {self._model!r}; convert it before the call",
                field=name,
            )
        return array if type(value) is DeviceTensor else plain_array(value, name)

    def _scan(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``inputs`` after a look at the values of BOOL and BYTES, which can be wrong; those of numbers are not read."""
        scanned = dict(inputs)
        for name, array in inputs.items():
            if type(array) is DeviceTensor:
                continue
            if array.dtype.kind == "b":
                _check_bool(array, name)
            elif array.dtype.kind in "OSU":
                scanned[name] = as_bytes_elements(array, name)
                if self.signature.text_only:
                    check_utf8(scanned[name], name)
        return scanned

    def _check_batch(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        sizes = {name: array.shape[0] if array.ndim else None for name, array in inputs.items()}
        if len(set(sizes.values())) > 1 or None in sizes.values():
            given = ", ".join(f"{name!r} {size}" for name, size in sizes.items())
            raise InvalidTensorError(
                f"inputs of model {self._model!r} must have one batch size, got {given}", field=_odd_one(sizes)
            )
        name, size = next(iter(sizes.items()), ("", 1))
        if size == 0:  # Triton refuses it, and a runtime may fail in the middle of a graph
            raise InvalidTensorError(
                f"batch of 0 rows; model {self._model!r} takes 1 to {self._max_batch_size}; without rows, do not call it",
                field=name,
            )
        if size is not None and size > self._max_batch_size:
            raise InvalidTensorError(
                f"batch of {size} is over max_batch_size {self._max_batch_size} of model {self._model!r}; split the request",
                field=name,
            )


def _facts(signature: ModelSignature) -> tuple[object, ...]:
    return signature, signature.input_names, signature.optional_names, signature.text_only


def _check_bool(array: NDArray[Any], name: str) -> None:
    # numpy itself reads such a byte as true in one operation and as another number in the next.
    if array.size and array.view(np.uint8).max() > 1:
        raise InvalidTensorError(
            f"tensor {name!r} BOOL has a byte that is neither 0 nor 1; pass array.view('u1') != 0", field=name
        )


def _is_same(plain: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    return type(given) is dict and all(type(name) is str and plain[name] is value for name, value in given.items())


def _odd_one(sizes: Mapping[str, int | None]) -> str:
    """Return the first input whose batch size is none, or is not that of the first."""
    first = next(iter(sizes.values()))
    return next(name for name, size in sizes.items() if size is None or size != first)


def _on_host(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _copy_to_host(name, value) for name, value in inputs.items()}


def _copy_to_host(name: str, value: Any) -> Any:
    if not isinstance(value, DeviceTensor):
        return value
    try:
        return as_tensor(value.on_host(), name)
    except Exception as error:
        raise InvalidTensorError(
            f"tensor {name!r} cannot be copied from the GPU: {one_line(error)}; copy it to the CPU", field=name
        ) from error


def _list(known: Mapping[str, str]) -> str:
    return listing(f"{name} {spec}".rstrip() for name, spec in known.items())
