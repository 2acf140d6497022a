"""A complete request of a model, from the inputs that it declares."""

from __future__ import annotations

from urllib.parse import quote

from turnout import Model
from turnout.errors import json_text
from turnout.tensors import datatype_of, to_binary
from turnout.tensors.made_up import zeros_of
from turnout_web.examples.example_request import BINARY, ExampleRequest, json_request
from turnout_web.kserve.json_data import list_of
from turnout_web.problems import Problem

_MOST_BYTES = 1 << 28
_MOST_ELEMENTS = 500
_LENGTH = "Inference-Header-Content-Length"


def has_example(model: Model) -> bool:
    """Return whether ``model_example`` has one. Blocks. Raises TurnoutError if ``model`` cannot be opened."""
    return zeros_of(model.signature().inputs, _MOST_BYTES) is not None


def model_example(model: Model) -> ExampleRequest:
    """Return a request of zeros for ``model``, which is opened if it is not open; large ones are binary. Blocks.

    Raises:
        Problem: 404, the model does not declare its inputs.
        TurnoutError: it cannot be opened.
    """
    arrays = zeros_of(model.signature().inputs, _MOST_BYTES)
    if arrays is None:
        raise Problem(
            404,
            f"model {model.name!r} does not declare the shapes of its inputs, or they are too large for an example; write "
            "`inputs:` in turnout.yaml",
            model=model.name,
        )
    path = f"/v2/models/{quote(model.name, safe='')}/infer"
    described = {
        name: {"name": name, "datatype": datatype_of(array.dtype), "shape": list(array.shape)} for name, array in arrays.items()
    }
    if sum(array.size for array in arrays.values()) <= _MOST_ELEMENTS:
        inputs = [{**described[name], "data": list_of(array, name)} for name, array in arrays.items()]
        return json_request(path, {"inputs": inputs})
    data = {name: to_binary(array, name) for name, array in arrays.items()}
    placed: list[dict[str, object]] = [
        {**described[name], "parameters": {"binary_data_size": len(data[name])}} for name in arrays
    ]
    head = json_text({"inputs": placed}).encode()
    return ExampleRequest(path, b"".join((head, *data.values())), BINARY, {_LENGTH: str(len(head))})
