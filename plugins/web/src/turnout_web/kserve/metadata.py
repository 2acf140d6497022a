"""The metadata of the server and of its models."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

import turnout
from turnout import TensorSpec
from turnout_web.kserve.served import ServedModel, ServedModels

EXTENSIONS = ("binary_tensor_data", "classification", "model_configuration", "parameters", "statistics")
_UNKNOWN_SHAPE = (-1,)


async def describe_server(_: Request) -> Response:
    """Return the name, the version and the extensions of this server."""
    return json_response({"name": "turnout", "version": turnout.__version__, "extensions": EXTENSIONS})


class ModelMetadata:
    """The endpoints that describe one model."""

    def __init__(self, served: ServedModels) -> None:
        self._served = served

    async def describe(self, request: Request) -> Response:
        """Return the inputs and outputs of a model."""
        model = await find_version(self._served, request)
        signature = await model.signature()
        found = {
            "name": model.name,
            "versions": [await model.version()],
            "platform": model.model.backend,
            "inputs": _tensors(signature.inputs),
            "outputs": _tensors(signature.outputs),
        }
        return json_response(found)

    async def configuration(self, request: Request) -> Response:
        """Return the configuration of a model in the words of Triton's ModelConfig."""
        model = await find_version(self._served, request)
        signature, largest = await model.signature(), model.max_batch_size()
        version = await model.version()
        found = {
            "name": model.name,
            "platform": model.model.backend,
            "backend": model.model.backend,
            "version_policy": {"specific": {"versions": [int(version)]}} if version.isdigit() else {},
            "max_batch_size": largest,
            "input": [{**one, "optional": spec.optional} for spec, one in _configured(signature.inputs, largest)],
            "output": [one for _, one in _configured(signature.outputs, largest)],
        }
        return json_response(found)


async def find_version(served: ServedModels, request: Request) -> ServedModel:
    """Return the model that the path of ``request`` names.

    Raises:
        UnknownNameError: there is no such model.
        Problem: 404, it has no such version.
    """
    model = served.find(request.path_params["model"])
    await model.check_version(request.path_params.get("version"))
    return model


def json_response(value: object) -> Response:
    """Return ``value`` as the JSON of a response."""
    return Response(json.dumps(value, separators=(",", ":")), media_type="application/json")


def _tensors(specs: Iterable[TensorSpec]) -> list[dict[str, Any]]:
    return [{"name": spec.name, "datatype": spec.datatype, "shape": _shape(spec)} for spec in specs]


def _shape(spec: TensorSpec) -> tuple[int, ...]:
    return _UNKNOWN_SHAPE if spec.shape is None else spec.shape


def _configured(specs: Iterable[TensorSpec], largest: int) -> list[tuple[TensorSpec, dict[str, Any]]]:
    return [
        (
            spec,
            {
                "name": spec.name,
                "data_type": "TYPE_STRING" if spec.datatype == "BYTES" else f"TYPE_{spec.datatype}",
                "dims": _shape(spec)[1:] if largest else _shape(spec),
            },
        )
        for spec in specs
    ]
