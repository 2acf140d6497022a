"""A model as its server describes it: name, version and signature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from turnout import ModelDeclaration, ModelSignature
from turnout.errors import InvalidRequestError, InvalidTensorError, ModelLoadError, text_of
from turnout.tensors import TensorSpec
from turnout_triton.client.transport import Transport

# The strings of these formats are UTF-8. Other models may take any bytes, such as a picture's.
_TEXT_PLATFORMS = frozenset({"onnxruntime_onnx"})


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model as its server describes it.

    Attributes:
        name: its name there.
        version: the version that requests name; empty lets the server choose.
        signature: inputs and outputs, batch axis included, of rank 0 where the model's are.
        widened: names of the tensors that have one axis of size 1 more there than in ``signature``, because Triton refuses
            tensors of rank 0.
        decoupled: True if it may send any number of responses to a request.
        answering: the version that answers, as far as the server says; empty if it does not.
    """

    name: str
    version: str
    signature: ModelSignature
    widened: frozenset[str]
    decoupled: bool
    answering: str = ""


def read_served_model(
    transport: Transport, name: str, version: str, timeout_seconds: float, declared: ModelDeclaration
) -> ServedModel:
    """Return the server's description of the model ``name``; blocks.

    Raises:
        ModelLoadError: it has a tensor of a datatype that KServe v2 does not have, or the description cannot be read.
        TurnoutError: the server does not answer.
    """
    metadata = transport.metadata(name, version, timeout_seconds)
    config = _read_config(transport, name, version, timeout_seconds)
    try:
        # KServe's metadata have neither of these, only Triton's configuration has.
        optional = {tensor["name"] for tensor in config.get("input", ()) if tensor.get("optional")}
        decoupled = bool(config.get("model_transaction_policy", {}).get("decoupled"))
        widened = _find_scalars(config, declared)
        inputs = _specs(metadata.get("inputs", ()), optional, widened)
        outputs = _specs(metadata.get("outputs", ()), set(), widened)
    except (InvalidTensorError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelLoadError(
            f"model {declared.name!r}: the server's model {name!r} cannot be used: {text_of(error)}"
        ) from error
    signature = ModelSignature(inputs, outputs, text_only=metadata.get("platform") in _TEXT_PLATFORMS)
    return ServedModel(name, version, signature, widened, decoupled, version or _greatest(metadata.get("versions", ())))


def _greatest(versions: Sequence[object]) -> str:
    """Return the version that a server chooses for a request without one."""
    numbers = [text for text in map(str, versions) if text.isascii() and text.isdecimal()]
    return max(numbers, key=int, default="")


def _read_config(transport: Transport, name: str, version: str, timeout_seconds: float) -> Mapping[str, Any]:
    try:
        return transport.config(name, version, timeout_seconds)
    except InvalidRequestError:  # a KServe v2 server that is not Triton
        return {}


def _find_scalars(config: Mapping[str, Any], declared: ModelDeclaration) -> frozenset[str]:
    """Return the names of the tensors that the model itself has without the last axis of size 1.

    They have an empty ``reshape`` in the configuration, or rank 0 in turnout.yaml, besides the batch axis.
    """
    rank = 1 if declared.max_batch_size else 0
    tensors = (*config.get("input", ()), *config.get("output", ()))
    reshaped = {tensor["name"] for tensor in tensors if "reshape" in tensor and not tensor["reshape"].get("shape")}
    return frozenset(reshaped.union(spec.name for spec in (*declared.inputs, *declared.outputs) if _has_rank(spec, rank)))


def _has_rank(spec: TensorSpec, rank: int) -> bool:
    return spec.shape is not None and len(spec.shape) == rank


def _specs(tensors: Sequence[Mapping[str, Any]], optional: set[str], widened: frozenset[str]) -> tuple[TensorSpec, ...]:
    specs = []
    for tensor in tensors:
        shape = tuple(int(size) for size in tensor.get("shape", ()))  # gRPC's JSON form has INT64 as text
        narrowed = shape[:-1] if tensor["name"] in widened and shape[-1:] == (1,) else shape
        specs.append(TensorSpec(tensor["name"], tensor["datatype"], narrowed, tensor["name"] in optional))
    return tuple(specs)
