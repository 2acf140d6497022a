"""Wrong configurations: each has exactly one error, at the place marked with a diamond; a good one loads afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

HERE = "◆"

MODEL = "models:\n  m:\n    backend: onnxruntime\n    backends: {onnxruntime: {path: m.onnx}}\n"


def model(line: str) -> str:
    return f"{MODEL}    {line}\n"


def options(text: str) -> str:
    return f"models:\n  m:\n    backend: onnxruntime\n    backends:\n      ◆onnxruntime: {{{text}}}\n"


def option(text: str) -> str:
    return options(f"path: m.onnx, {text}").replace("◆onn", "onn")


def pipeline(step: str) -> str:
    return f"{MODEL}pipelines:\n  p:\n    - load_image\n    - {step}\n"


BOMB = "a: &a {k: v}\n" + "".join(
    f"{n}: &{n}\n  <<: [*{p}, *{p}]\n" for p, n in zip("abcdefghijkl", "bcdefghijklm", strict=True)
)

WRONG: dict[str, tuple[str, str]] = {
    "unknown key at the top": ("◆bakend: direct\n", "bakend: unknown key. Did you mean 'backend'?"),
    "unknown key without a likeness": (
        "◆zzz: 1\n",
        "zzz: unknown key; known: backend, executor_threads, metrics, models, pipelines",
    ),
    "unknown key of a model": (model("◆bakend: direct"), "models.m.bakend: unknown key. Did you mean 'backend'?"),
    "key that does not exist": (model("◆zzz: onnxruntime"), "models.m.zzz: unknown key; known: backend, backends,"),
    "fallback that is no backend": (model("fallback: ◆onnxruntme"), "unknown backend 'onnxruntme'"),
    "fallback without options": (
        "models:\n  m:\n    backend: direct\n    fallback: ◆onnxruntime\n    backends: {direct: {class: X}}\n",
        "'onnxruntime' has no options under models.m.backends; it has: direct",
    ),
    "shadow that is no backend": (model("shadow: {backend: ◆tritonn}"), "unknown backend 'tritonn'"),
    "canary that is no backend": (model("canary: {weight: 0.1, backend: ◆tritonn}"), "unknown backend 'tritonn'"),
    "unknown option of a plugin": (
        option("◆pathh: x"),
        "models.m.backends.onnxruntime.pathh: unknown key. Did you mean 'path'?",
    ),
    "unknown option by its alias": (
        "models:\n  m:\n    backend: direct\n    backends: {direct: {◆clas: x}}\n",
        "models.m.backends.direct.clas: unknown key. Did you mean 'class'?",
    ),
    "unknown key below an option": (
        "models:\n  m:\n    backend: direct\n    backends: {direct: {generate: {◆max_lenght: 3}}}\n",
        "models.m.backends.direct.generate.max_lenght: unknown key. Did you mean 'max_length'?",
    ),
    "missing option": (options("level: all"), "models.m.backends.onnxruntime.path: this key is missing; add 'path: ...'"),
    "missing option of a bare step": (pipeline("◆caption"), "pipelines.p[1].caption.model: this key is missing"),
    "number where text belongs": (option("level: all").replace("m.onnx", "◆5"), "path: must be text, got 5"),
    "empty text": (option("level: all").replace("m.onnx", "◆''"), "path: must have 1 or more characters, got ''"),
    "text where a number belongs": (option("threads: ◆two"), "threads: must be a whole number, got 'two'"),
    "number out of range": (option("threads: ◆0"), "threads: must be 1 or more, got 0"),
    "unknown choice": (
        option("level: ◆basc"),
        "level: must be 'basic', 'extended' or 'all', got 'basc'. Did you mean 'basic'?",
    ),
    "unknown choice in a list": (
        option("providers: [CPU, ◆CUDDA]"),
        "providers[1]: must be 'CPU' or 'CUDA', got 'CUDDA'. Did you mean 'CUDA'?",
    ),
    "no member of a union": (
        option("compile: ◆maybe"),
        "compile: must be true or false or must be 'default' or 'reduce-overhead', got 'maybe'",
    ),
    "refused by a plugin's validator": (
        MODEL.replace("{path: m.onnx}}", "{path: m.onnx}, triton: {url: ◆'http://x'}}"),
        "models.m.backends.triton.url: write host:port without a scheme, got 'http://x'",
    ),
    "options that do not fit together": (
        "models:\n  m:\n    backend: direct\n    backends:\n      ◆direct: {trusted: true}\n",
        "models.m.backends.direct: 'trusted: true' needs a 'revision'",
    ),
    "a plugin's validator that breaks": (
        "models:\n  m:\n    backend: burning\n    backends:\n      ◆burning: {fuel: oil}\n",
        "models.m.backends.burning: the options cannot be checked: RuntimeError: the validator itself is broken",
    ),
    "true is no number": (model("max_batch_size: ◆true"), "models.m.max_batch_size: must be a whole number, got true"),
    "a fraction is no whole number": (model("max_batch_size: ◆1.0"), "max_batch_size: must be a whole number, got 1.0"),
    "true is no share": (
        model("canary: {backend: onnxruntime, weight: ◆true}"),
        "models.m.canary.weight: must be a number, got true",
    ),
    "true is no fraction of a shadow": (
        model("shadow: {backend: onnxruntime, fraction: ◆true}"),
        "models.m.shadow.fraction: must be a number, got true",
    ),
    "true is no number of seconds": (
        model("circuit_breaker: {open_seconds: ◆true}"),
        "models.m.circuit_breaker.open_seconds: must be a number, got true",
    ),
    "true is no edge of a bucket": (
        "metrics: {latency_buckets_seconds: [0.1, ◆true]}\n",
        "metrics.latency_buckets_seconds[1]: must be a number, got true",
    ),
    "a share above 1": (
        model("canary: {backend: onnxruntime, weight: ◆1.5}"),
        "models.m.canary.weight: must be 1 or less, got 1.5",
    ),
    "below zero": (model("max_batch_size: ◆-1"), "max_batch_size: must be 0 or more, got -1"),
    "neither true nor false": (model("preload: ◆perhaps"), "preload: must be true or false, got 'perhaps'"),
    "key without a value": (model("◆preload:"), "models.m.preload: has no value; give it one, or remove the key"),
    "unknown datatype": (model("inputs: {x: ◆'FP23[3]'}"), "models.m.inputs.x: must be one of BOOL,"),
    "shape without an end": (model("outputs: {x: ◆'FP32[3'}"), "such as 'FP32[3,384,384]', got 'FP32[3'"),
    "list where a mapping belongs": ("◆models: [m]\n", "models: must be a mapping of keys to values, got a list"),
    "text where a mapping belongs": ("models: {m: ◆direct}\n", "models.m: must be a mapping of keys to values, got 'direct'"),
    "a file that is a list": ("◆- models\n", "must be a mapping of keys to values, got a list"),
    "bad name": (MODEL.replace("  m:", "  ◆'my model':"), "models.my model: a name is at most 100 letters"),
    "unknown backend": (
        "models:\n  m: {backend: ◆tritn, backends: {}}\n",
        "models.m.backend: unknown backend 'tritn'; known: burning, direct",
    ),
    "unknown backend at the top": ("backend: ◆tritn\nmodels: {m: {}, n: {}}\n", "backend: unknown backend 'tritn'"),
    "no backend named": (
        "models:\n  ◆m: {backends: {triton: {url: x}}}\n",
        "models.m: no backend is named; add 'backend: triton' here",
    ),
    "chosen backend without options": (
        MODEL.replace("backend: onnxruntime\n", "backend: ◆triton\n"),
        "'triton' has no options under models.m.backends; it has: onnxruntime. Add 'triton: {...}' there",
    ),
    "options under a misspelled backend": (
        MODEL.replace("nd: onn", "nd: ◆onn").replace("{onnx", "{onx"),
        "Did you mean 'onxruntime'?",
    ),
    "unknown step": (pipeline("◆captoin: {model: m}"), "pipelines.p[1]: unknown step 'captoin'; known: caption, load_image."),
    "unknown model of a step": (
        pipeline("caption: {model: ◆blip}"),
        "pipelines.p[1].caption.model: unknown model 'blip'; known: m.",
    ),
    "two names in a step": (
        pipeline("◆{caption: {model: m}, load_image: }"),
        "pipelines.p[1]: a step is a name, such as 'load_image'",
    ),
    "options of a step that are a list": (
        pipeline("◆caption: [m]"),
        "pipelines.p[1]: the options of step 'caption' must be a mapping",
    ),
    "number for a step": (pipeline("◆5"), "pipelines.p[1]: a step is a name, such as 'load_image', or one name with options"),
    "pipeline without steps": (MODEL + "pipelines: {◆p: []}\n", "pipelines.p: a pipeline needs at least one step"),
    "pipeline that is a text": (MODEL + "pipelines: {p: ◆load_image}\n", "pipelines.p: must be a list, got 'load_image'"),
    "descending buckets": ("metrics: {◆latency_buckets_seconds: [1, 0.5]}\n", "latency_buckets_seconds: must ascend"),
    "no buckets": ("metrics: {◆latency_buckets_seconds: []}\n", "must have 1 or more entries, got an empty list"),
    "endless bucket": ("metrics: {latency_buckets_seconds: [1, ◆.inf]}\n", "[1]: must be a finite number, got inf"),
    "bucket that is a text": (
        "metrics: {latency_buckets_seconds: [1, ◆x]}\n",
        "latency_buckets_seconds[1]: must be a number, got 'x'",
    ),
    "descending buckets of steps": ("metrics: {◆step_buckets_seconds: [1, 0.5]}\n", "step_buckets_seconds: must ascend"),
    "port above the greatest": ("metrics: {port: ◆65536}\n", "metrics.port: must be 65535 or less, got 65536"),
    "port 0": ("metrics: {port: ◆0}\n", "metrics.port: must be 1 or more, got 0"),
    "port that is a text": ("metrics: {port: ◆web}\n", "metrics.port: must be a whole number, got 'web'"),
    "address that is a name": (
        "metrics: {port: 9464, address: ◆localhost}\n",
        "metrics.address: must be an IP address of this machine, such as 127.0.0.1, or 0.0.0.0 for all of them",
    ),
    "no threads": ("executor_threads: ◆0\n", "executor_threads: must be 1 or more, got 0"),
    "variable that is not set": (
        "backend: ◆${NOWHERE}\n",
        "backend: the environment variable 'NOWHERE' is not set; set it, or write '${NOWHERE:-default}'",
    ),
    "variable without braces": (option("level: ◆$LEVEL"), "a '$' must be '${NAME}', '${NAME:-default}', or '$$'"),
    "variable without an end": (option("level: ◆'${LEVEL'"), "a '$' must be"),
    "key twice": (model("◆backend: direct"), "the key 'backend' is already at turnout.yaml:3:5; keep one"),
    "key that is a number": (model("◆5: direct"), "the key '5' is not text; put it in quotes"),
    "key that is a list": ("? ◆[a]\n: b\n", "a key must be text"),
    "anchor": ("models: ◆&a {}\n", "anchors ('&a') are not allowed in settings"),
    "alias": ("models: {}\npipelines: ◆*a\n", "aliases ('*a') are not allowed in settings"),
    "merge key": ("models: {◆<<: {}}\n", "merge keys ('<<') are not allowed in settings"),
    "merge-key bomb": (f"a: ◆{BOMB.removeprefix('a: ')}", "anchors ('&a') are not allowed"),
    "tag": ("models: ◆!!python/object:os.system {}\n", "tags ("),
    "two documents": ("backend: direct\n◆---\nbackend: direct\n", "a second document starts here"),
    "old YAML": ("%YAML 1.1\n◆---\nmodels: {}\n", "settings are YAML 1.2"),
    "2,000 brackets": ("models: " + "[" * 24 + "◆" + "[" * 1976, "nested more than 24 levels deep"),
    "tab for indentation": ("models:\n◆\tm: {}\n", "a tab cannot indent YAML; use spaces"),
    "colon too many": ("models: m◆: {}\n", "a ':' is not expected here"),
    "bracket that is not closed": ("models: ◆{m: [1]\n", "this bracket is not closed"),
    "quote that is not closed": ("backend: ◆'direct\nmodels: {}\n", "this quote is not closed"),
    "comma that is missing": ("models: {a: [1] ◆b: 2}\n", "a ',' or a closing bracket is expected here"),
    "variable without quotes": ("metrics: {port: $◆{PORT}}\n", 'in quotes, such as "${NAME}"'),
    "crooked indentation": ("models:\n    m: {}\n  ◆n: {}\n", "the indentation does not match the lines above"),
    "control character": ("backend: ◆\x01\n", "character"),
    "half a character": ('backend: ◆"\\ud800"\n', "half a character"),
    "impossible character": ('◆backend: "\\Uffffffff"\n', "not YAML from here on"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_configuration_gets_one_error_at_its_place_and_a_good_one_loads_afterwards(
    case: str, refuse: Callable[..., Any], load: Callable[..., Any], good: str
) -> None:
    marked, message = WRONG[case]
    text, before = marked.replace(HERE, ""), marked.partition(HERE)[0]
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1

    error = refuse(text)

    assert len(error.problems) == 1, str(error)
    assert error.problems[0].where == f"turnout.yaml:{line}:{column}", str(error)
    assert message in error.problems[0].message
    assert load(good).settings.backend_of("blip") == "onnxruntime"


def test_there_are_forty_wrong_configurations_and_more() -> None:
    assert len(WRONG) >= 40
    assert all(marked.count(HERE) == 1 for marked, _ in WRONG.values())


def test_the_merge_key_bomb_is_smaller_than_one_that_costs_pyyaml_8_seconds() -> None:
    assert len(BOMB) < 615
