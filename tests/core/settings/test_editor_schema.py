from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from turnout.settings import LoadedSettings, Registry, json_schema
from turnout.settings.document.parse import parse


@pytest.fixture
def validator(registry: Registry) -> Draft202012Validator:
    schema = json_schema(registry)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def errors(validator: Draft202012Validator, text: str) -> list[str]:
    found = validator.iter_errors(parse(text, "turnout.yaml").values)
    return [".".join(map(str, error.absolute_path)) for error in found]


MODEL = "models: {m: {backend: onnxruntime, backends: {onnxruntime: {path: x}}}}\n"

GOOD_FILES = {
    "empty": "{}\n",
    "variables for numbers and choices": (
        "backend: ${B}\nexecutor_threads: ${N:-3}\n"
        "models: {m: {preload: '${P}', max_batch_size: '${S}', "
        "backends: {onnxruntime: {path: '${X}', threads: '${T}', level: '${L}'}}}}\n"
    ),
    "a backend without options": "models: {m: {backend: direct, backends: {direct: }}}\n",
    "a plugin that is not installed": "models: {m: {backend: direct, backends: {direct: , elsewhere: {x: 1}}}}\n",
    "steps in each form": MODEL + "pipelines: {p: [load_image, load_image: , {load_image: {}}, caption: {model: m}]}\n",
    "an alias": "models: {m: {backend: direct, backends: {direct: {class: X}}}}\n",
}

WRONG_FILES = {
    "unknown key": ("bakend: x\n", ""),
    "unknown key of a model": ("models: {m: {bakend: x}}\n", "models.m"),
    "unknown option": (MODEL.replace("path", "pth"), "models.m.backends.onnxruntime"),
    "unknown backend": (MODEL.replace("backend: onnx", "backend: onx"), "models.m.backend"),
    "unknown step": ("pipelines: {p: [captoin]}\n", "pipelines.p.0"),
    "step without its options": ("pipelines: {p: [caption]}\n", "pipelines.p.0"),
    "two names in a step": ("pipelines: {p: [{load_image: , caption: {model: m}}]}\n", "pipelines.p.0"),
    "no steps": ("pipelines: {p: []}\n", "pipelines.p"),
    "bad name": ("models: {a b: {}}\n", "models"),
    "wrong kind": ("executor_threads: many\n", "executor_threads"),
    "too few threads": ("executor_threads: 0\n", "executor_threads"),
    "below zero": ("models: {m: {max_batch_size: -1}}\n", "models.m.max_batch_size"),
    "unknown choice": (MODEL.replace("path: x", "path: x, level: basc"), "models.m.backends.onnxruntime.level"),
    "nothing for buckets": ("metrics: {latency_buckets_seconds: }\n", "metrics.latency_buckets_seconds"),
}


@pytest.mark.parametrize("case", GOOD_FILES)
def test_an_editor_is_content_with_what_loads(
    case: str, validator: Draft202012Validator, load: Callable[..., LoadedSettings]
) -> None:
    environment = {"B": "onnxruntime", "P": "true", "S": "4", "X": "x", "T": "1", "L": "all"}

    load(GOOD_FILES[case], **environment)

    assert errors(validator, GOOD_FILES[case]) == []


@pytest.mark.parametrize("case", WRONG_FILES)
def test_an_editor_marks_what_does_not_load(case: str, validator: Draft202012Validator, refuse: Callable[..., Any]) -> None:
    text, place = WRONG_FILES[case]

    refuse(text)

    assert set(errors(validator, text)) == {place}


def test_an_editor_is_content_with_the_long_example(validator: Draft202012Validator, good: str) -> None:
    assert errors(validator, good) == []


def test_known_names_are_offered(registry: Registry) -> None:
    schema = json_schema(registry)

    model = schema["$defs"]["ModelSettings"]["properties"]
    assert model["backend"]["anyOf"][0] == {"enum": ["burning", "direct", "onnxruntime", "triton"]}
    assert set(model["backends"]["properties"]) == {"burning", "direct", "onnxruntime", "triton"}
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
