from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import create_model

import turnout
from turnout.errors import SettingsError
from turnout.settings import LoadedSettings, Registry, json_schema
from turnout.settings.document.parse import parse

DRAFT = "https://json-schema.org/draft/2020-12/schema"
KNOWN_KEYWORDS_ONLY = {
    "$schema": DRAFT,
    "$id": "https://turnout.invalid/known-keywords-only",
    "$dynamicAnchor": "meta",
    "allOf": [{"$ref": DRAFT}],
    "unevaluatedProperties": False,
}
"""The meta-schema, in which a keyword that it does not define is an error at every level."""


@pytest.fixture(scope="module")
def validator(registry: Registry) -> Draft202012Validator:
    return Draft202012Validator(json_schema(registry))


def errors(validator: Draft202012Validator, text: str) -> list[str]:
    found = validator.iter_errors(parse(text, "turnout.yaml").values)
    return [".".join(map(str, error.absolute_path)) for error in found]


MODEL = "models: {m: {backend: onnxruntime, backends: {onnxruntime: {path: x}}}}\n"


def model(keys: str) -> str:
    return f"models: {{m: {{backend: direct, {keys}, backends: {{direct: , onnxruntime: {{path: x}}}}}}}}\n"


def batching(keys: str) -> str:
    return model(f"max_batch_size: 8, dynamic_batching: {{{keys}}}")


def shadow(keys: str) -> str:
    return model(f"shadow: {{backend: onnxruntime, {keys}}}")


def canary(keys: str) -> str:
    return model(f"canary: {{backend: onnxruntime, {keys}}}")


GOOD = {
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
    "an option that may be empty": MODEL.replace("path: x", "path: x, threads: "),
    "tensors": model("inputs: {x: 'FP32[3,-1]', y: 'BYTES[]', z: ' INT64 [ 1 , 2 ] '}, outputs: {o: 'BF16[0]'}"),
    "the smallest numbers": model("max_batch_size: 0, max_in_flight: 1, retry: {budget_ratio: 0.001}"),
    "the largest numbers": "executor_threads: 1024\n" + model("max_batch_size: 1000000, max_in_flight: 1000000"),
    "batching with defaults": batching(""),
    "every key of batching": batching(
        "preferred_batch_size: [4, 8], max_queue_delay_microseconds: 100, preserve_ordering: true, priority_levels: 2, "
        "default_priority_level: 1, default_queue_policy: {timeout_action: DELAY, max_queue_size: 0}, "
        "priority_queue_policy: {'2': {allow_timeout_override: false, default_timeout_microseconds: 5}}"
    ),
    "a canary without requests": canary("weight: 0"),
    "a canary with all requests": canary("weight: 1.0, key: user"),
    "a weight from the environment": canary("weight: '${W}'"),
    "every key of a shadow": shadow(
        "fraction: 0.5, tolerance: {rtol: 1.0e-3, out: {cosine: -1}}, queue_size: 1, max_bytes: 1, max_bytes_per_second: 1, "
        "timeout_seconds: 3600, threads: 64, keep: 0, directory: kept, "
        "promote_when: {comparisons: 1, mismatch_ratio: 0, p95_ratio: 1.5}"
    ),
    "a fallback": model("fallback: onnxruntime"),
    "every key of a circuit": model(
        "circuit_breaker: {window_seconds: 5, minimum_calls: 1, failure_ratio: 1, consecutive_failures: 1, "
        "open_seconds: 0.5, longest_open_seconds: 86400}"
    ),
    "every key of a recording": model(
        "record: {directory: d, fraction: 1, max_bytes: 1, max_requests: 1, when_full: rotate, queue_size: 1}"
    ),
    "every key of a tolerance": model(
        "tolerance: {rtol: 0, atol: 1, mismatched: 0.5, cosine: 1, iou: 1, threshold: -3.5, argmax: 0, out: {}}"
    ),
    "a warm-up": model("preload: true, warmup: {recorded: folder, requests: 10000}"),
    "port of metrics": "metrics: {port: 9464, address: 0.0.0.0, step_buckets_seconds: [0.1, 1]}\n",
    "edges of buckets": "metrics: {latency_buckets_seconds: [0.01, 1, 10]}\n",
}

WRONG = {
    "unknown key": ("bakend: x\n", ""),
    "unknown key of a model": ("models: {m: {bakend: x}}\n", "models.m"),
    "unknown option": (MODEL.replace("path", "pth"), "models.m.backends.onnxruntime"),
    "unknown backend": (MODEL.replace("backend: onnx", "backend: onx"), "models.m.backend"),
    "unknown backend at the top": ("backend: onx\nmodels: {m: {backends: {onx: }}}\n", "backend"),
    "unknown fallback": (model("fallback: onx"), "models.m.fallback"),
    "unknown backend of a shadow": (model("shadow: {backend: onx}"), "models.m.shadow.backend"),
    "unknown backend of a canary": (model("canary: {backend: onx, weight: 0.1}"), "models.m.canary.backend"),
    "unknown step": ("pipelines: {p: [captoin]}\n", "pipelines.p.0"),
    "step without its options": ("pipelines: {p: [caption]}\n", "pipelines.p.0"),
    "two names in a step": ("pipelines: {p: [{load_image: , caption: {model: m}}]}\n", "pipelines.p.0"),
    "no steps": ("pipelines: {p: []}\n", "pipelines.p"),
    "bad name": ("models: {a b: {}}\n", "models"),
    "bad name of a backend": ("models: {m: {backend: direct, backends: {direct: , a b: }}}\n", "models.m.backends"),
    "wrong kind": ("executor_threads: many\n", "executor_threads"),
    "too few threads": ("executor_threads: 0\n", "executor_threads"),
    "too many threads": ("executor_threads: 1025\n", "executor_threads"),
    "true for threads": ("executor_threads: true\n", "executor_threads"),
    "a fraction of a thread": ("executor_threads: 1.5\n", "executor_threads"),
    "below zero": (model("max_batch_size: -1"), "models.m.max_batch_size"),
    "a batch that is too large": (model("max_batch_size: 1000001"), "models.m.max_batch_size"),
    "a key without a value": (model("max_in_flight: "), "models.m.max_in_flight"),
    "a section without a value": (model("shadow: "), "models.m.shadow"),
    "true for requests in flight": (model("max_in_flight: true"), "models.m.max_in_flight"),
    "neither true nor false": (model("preload: perhaps"), "models.m.preload"),
    "unknown datatype": (model("inputs: {x: 'FP23[3]'}"), "models.m.inputs.x"),
    "size that is no number": (model("outputs: {x: 'FP32[a]'}"), "models.m.outputs.x"),
    "size below -1": (model("outputs: {x: 'FP32[-2]'}"), "models.m.outputs.x"),
    "unknown choice": (MODEL.replace("path: x", "path: x, level: basc"), "models.m.backends.onnxruntime.level"),
    "true for threads of a plugin": (
        MODEL.replace("path: x", "path: x, threads: true"),
        "models.m.backends.onnxruntime.threads",
    ),
    "nothing for buckets": ("metrics: {latency_buckets_seconds: }\n", "metrics.latency_buckets_seconds"),
    "port above the greatest": ("metrics: {port: 65536}\n", "metrics.port"),
    "no buckets of steps": ("metrics: {step_buckets_seconds: []}\n", "metrics.step_buckets_seconds"),
    "no buckets": ("metrics: {latency_buckets_seconds: []}\n", "metrics.latency_buckets_seconds"),
    "a bucket up to zero": ("metrics: {latency_buckets_seconds: [0, 1]}\n", "metrics.latency_buckets_seconds.0"),
    "no weight": (model("canary: {backend: onnxruntime}"), "models.m.canary"),
    "weight above 1": (canary("weight: 1.1"), "models.m.canary.weight"),
    "weight below 0": (canary("weight: -0.1"), "models.m.canary.weight"),
    "true for a weight": (canary("weight: true"), "models.m.canary.weight"),
    "empty key of a canary": (canary("weight: 0.1, key: ''"), "models.m.canary.key"),
    "fraction above 1": (shadow("fraction: 2"), "models.m.shadow.fraction"),
    "true for a fraction": (shadow("fraction: true"), "models.m.shadow.fraction"),
    "no room in the queue": (shadow("queue_size: 0"), "models.m.shadow.queue_size"),
    "no time": (shadow("timeout_seconds: 0"), "models.m.shadow.timeout_seconds"),
    "too much time": (shadow("timeout_seconds: 3601"), "models.m.shadow.timeout_seconds"),
    "too many threads of a shadow": (shadow("threads: 65"), "models.m.shadow.threads"),
    "no comparisons": (shadow("promote_when: {comparisons: 0}"), "models.m.shadow.promote_when.comparisons"),
    "no multiple": (shadow("promote_when: {p95_ratio: 0}"), "models.m.shadow.promote_when.p95_ratio"),
    "tolerance below 0": (model("tolerance: {rtol: -1}"), "models.m.tolerance.rtol"),
    "true for a tolerance": (model("tolerance: {atol: true}"), "models.m.tolerance.atol"),
    "cosine above 1": (model("tolerance: {out: {cosine: 2}}"), "models.m.tolerance.out.cosine"),
    "tolerance of an output that is a number": (model("tolerance: {out: 0.1}"), "models.m.tolerance.out"),
    "no open circuit": (model("circuit_breaker: {open_seconds: 0}"), "models.m.circuit_breaker.open_seconds"),
    "a circuit that is too long open": (
        model("circuit_breaker: {longest_open_seconds: 86401}"),
        "models.m.circuit_breaker.longest_open_seconds",
    ),
    "a budget of zero": (model("retry: {budget_ratio: 0}"), "models.m.retry.budget_ratio"),
    "a recording of more than all": (model("record: {fraction: 1.5}"), "models.m.record.fraction"),
    "unknown choice of a recording": (model("record: {when_full: explode}"), "models.m.record.when_full"),
    "a warm-up without a folder": (model("warmup: {requests: 3}"), "models.m.warmup"),
    "a warm-up of nothing": (model("warmup: {recorded: f, requests: 0}"), "models.m.warmup.requests"),
    "a batch of nothing": (batching("preferred_batch_size: [0]"), "models.m.dynamic_batching.preferred_batch_size.0"),
    "a queue of less than nothing": (
        batching("default_queue_policy: {max_queue_size: -1}"),
        "models.m.dynamic_batching.default_queue_policy.max_queue_size",
    ),
    "a level that is no number": (
        batching("priority_levels: 1, default_priority_level: 1, priority_queue_policy: {high: {}}"),
        "models.m.dynamic_batching.priority_queue_policy",
    ),
}
ENVIRONMENT = {"B": "onnxruntime", "P": "true", "S": "4", "X": "x", "T": "1", "L": "all", "W": "0.5"}


def test_the_schema_has_only_keywords_of_draft_2020_12(registry: Registry) -> None:
    strict = Draft202012Validator(KNOWN_KEYWORDS_ONLY)

    assert [error.json_path for error in strict.iter_errors(json_schema(registry))] == []
    assert not strict.is_valid({"type": "integer", "ge": 1})


def test_there_are_forty_wrong_values_and_twenty_right_ones() -> None:
    assert len(WRONG) >= 40
    assert len(GOOD) >= 20


@pytest.mark.parametrize("case", GOOD)
def test_the_schema_and_the_loader_accept_the_same_values(
    case: str, validator: Draft202012Validator, load: Callable[..., LoadedSettings]
) -> None:
    load(GOOD[case], **ENVIRONMENT)

    assert errors(validator, GOOD[case]) == []


@pytest.mark.parametrize("case", WRONG)
def test_the_schema_and_the_loader_refuse_the_same_values(
    case: str, validator: Draft202012Validator, refuse: Callable[..., SettingsError]
) -> None:
    text, place = WRONG[case]

    refuse(text)

    assert set(errors(validator, text)) == {place}


def test_the_schema_accepts_only_the_plain_spelling(
    validator: Draft202012Validator, load: Callable[..., LoadedSettings]
) -> None:
    load("executor_threads: '8'\n")

    assert errors(validator, "executor_threads: '8'\n") == ["executor_threads"]


def test_the_schema_accepts_the_long_example(validator: Draft202012Validator, good: str) -> None:
    assert errors(validator, good) == []


def test_the_schema_lists_the_known_names(registry: Registry) -> None:
    schema = json_schema(registry)

    model = schema["$defs"]["ModelSettings"]["properties"]
    for key in ("backend", "fallback"):
        assert model[key]["anyOf"][0] == {"enum": ["burning", "direct", "onnxruntime", "triton"]}
    assert set(model["backends"]["properties"]) == {"burning", "direct", "onnxruntime", "triton"}
    assert schema["$schema"] == DRAFT


def test_every_key_has_a_description(registry: Registry) -> None:
    model: Any = json_schema(registry)["$defs"]["ModelSettings"]["properties"]

    assert [key for key, part in model.items() if "description" not in part and "description" not in part["anyOf"][0]] == []


def test_a_plugin_may_have_a_class_called_as_one_of_ours(registry: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    namesake = create_model("ModelSettings", __base__=turnout.Options, depth=(int, 1))
    monkeypatch.setattr(registry, "backends", {"direct": namesake})

    validator = Draft202012Validator(json_schema(registry))

    assert errors(validator, "models: {m: {backend: direct, backends: {direct: {depth: 2}}}}\n") == []
    assert errors(validator, "models: {m: {backend: direct, backends: {direct: {depth: x}}}}\n") == ["models.m.backends.direct"]
