"""A complete request of a pipeline, from the examples of its steps."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

import numpy as np

from turnout import Pipeline, StepInput
from turnout.errors import json_text
from turnout.tensors import datatype_of, to_binary
from turnout_web.examples.example_request import ExampleRequest, json_request
from turnout_web.pipelines.masks import data_url
from turnout_web.pipelines.png import picture_to_png
from turnout_web.problems import Problem


def pipeline_example(pipeline: Pipeline) -> ExampleRequest:
    """Return a request with every input that a step knows an example of.

    Raises:
        Problem: 404, no step knows one of an input that is required.
    """
    plan = pipeline.plan
    examples, forms = plan.examples(), plan.input_forms
    if missing := next((name for name in plan.inputs if name not in examples), None):
        raise Problem(
            404,
            f"pipeline {pipeline.name!r} has no example of its input {missing!r}: no step gives one "
            "(PipelineStep.example_inputs)",
        )
    names = [name for name in (*plan.inputs, *plan.optional_inputs) if name in examples]
    inputs = {name: write_example(name, examples[name], forms.get(name)) for name in names}
    return json_request(f"/v1/pipelines/{quote(pipeline.name, safe='')}", {"inputs": inputs})


def write_example(name: str, value: Any, form: StepInput | None) -> Any:
    """Return an example of an input as a caller writes it in JSON.

    Raises:
        Problem: 404, JSON has no form for it.
    """
    if isinstance(value, np.ndarray):
        return _write_array(value, form)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    try:
        json_text(value)
    except (TypeError, ValueError) as error:
        raise Problem(404, f"the example of input {name!r} is {type(value).__name__}, which JSON does not have") from error
    return value


def _write_array(array: np.ndarray[Any, Any], form: StepInput | None) -> Any:
    is_picture = array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] == 3
    if form is not None and form.kind == "file" and is_picture:
        return data_url(picture_to_png(array))
    data = base64.b64encode(to_binary(array)).decode("ascii")
    return {"datatype": datatype_of(array.dtype), "shape": list(array.shape), "data": data}
