from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from turnout_direct.options import DirectOptions

COMMIT = "0123456789abcdef0123456789abcdef01234567"
BLIP: dict[str, Any] = {"loader": "transformers", "class": "BlipForConditionalGeneration", "checkpoint": "org/name"}
FACTORY: dict[str, Any] = {"loader": "factory", "factory": "package.module:function"}
SCRIPT: dict[str, Any] = {"loader": "torchscript", "path": "model.pt"}
GENERATE: dict[str, Any] = BLIP | {"method": "generate"}
GENERATION_NUMBERS = (
    *("max_new_tokens", "max_length", "min_new_tokens", "min_length", "num_beams"),
    *("length_penalty", "no_repeat_ngram_size", "repetition_penalty"),
)

WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({}, "loader", "Field required"),
    ({"loader": "onnx"}, "loader", "'transformers', 'factory', 'torchscript' or 'torch_export'"),
    ({"loader": "transformers", "checkpoint": "org/name"}, "class", "loader 'transformers' needs key 'class'"),
    ({"loader": "transformers", "class": "BlipModel"}, "checkpoint", "loader 'transformers' needs key 'checkpoint'"),
    ({"loader": "factory"}, "factory", "loader 'factory' needs key 'factory'"),
    ({"loader": "torchscript"}, "path", "loader 'torchscript' needs key 'path'"),
    ({"loader": "torch_export", "path": ""}, "path", "loader 'torch_export' needs key 'path'"),
    (
        BLIP | {"path": "model.pt"},
        "path",
        "is for loader 'torchscript' or 'torch_export', not for 'transformers', which takes: class",
    ),
    (FACTORY | {"checkpoint": "org/name"}, "checkpoint", "key 'checkpoint' is for loader 'transformers', not for 'factory'"),
    (SCRIPT | {"class": "BlipModel"}, "class", "key 'class' is for loader 'transformers', not for 'torchscript'"),
    (SCRIPT | {"dtype": "float16"}, "dtype", "key 'dtype' is for loader 'transformers' or 'factory', not for 'torchscript'"),
    (SCRIPT | {"method": "generate"}, "method", "key 'method' is for loader 'transformers' or 'factory'"),
    (SCRIPT | {"compile": True}, "compile", "not for 'torchscript'"),
    (BLIP | {"arguments": {"a": 1}}, "arguments", "key 'arguments' is for loader 'factory'"),
    (BLIP | {"class": "transformers.BlipModel"}, "class", "must be the name of a class in transformers"),
    (FACTORY | {"factory": "package.module.function"}, "factory", "must be 'package.module:function'"),
    (FACTORY | {"arguments": {"a": object()}}, "arguments.a", "not a valid JSON value"),
    (BLIP | {"trust_remote_code": True, "revision": "main"}, "trust_remote_code", "revision 'main' can change"),
    (BLIP | {"trust_remote_code": True, "revision": COMMIT[:-1]}, "trust_remote_code", "40 hexadecimal digits"),
    (BLIP | {"trust_remote_code": True, "revision": COMMIT + "\n"}, "trust_remote_code", "40 hexadecimal digits"),
    (
        BLIP | {"class": "WhisperForConditionalGeneration", "method": "generate"},
        "method",
        "not 'WhisperForConditionalGeneration'",
    ),
    (
        BLIP | {"class": "Florence2ForConditionalGeneratoin", "method": "generate"},
        "method",
        "Did you mean 'Florence2ForConditionalGeneration'",
    ),
    (BLIP | {"method": "beam"}, "method", "'forward' or 'generate'"),
    (BLIP | {"generate": {"max_length": 20}}, "generate", "'generate' needs 'method: generate'"),
    (GENERATE | {"generate": {"max_new_token": 20}}, "generate.max_new_token", "not permitted"),
    (GENERATE | {"generate": {"max_new_tokens": 0}}, "generate.max_new_tokens", "greater than or equal to 1"),
    (
        GENERATE | {"generate": {"max_new_tokens": 5, "max_length": 9}},
        "generate.max_length",
        "'max_length' and 'max_new_tokens' both limit the answer",
    ),
    (GENERATE | {"generate": {"do_sample": True}}, "generate.do_sample", "makes answers random"),
    (GENERATE | {"generate": {"num_beams": "many"}}, "generate.num_beams", "valid integer"),
    (GENERATE | {"generate": {"length_penalty": float("nan")}}, "generate.length_penalty", "finite number"),
    (GENERATE | {"returns": {"logits": 0}}, "returns", "'returns' needs 'method: forward'"),
    (GENERATE | {"compile": True}, "compile", "'compile' needs 'method: forward'"),
    (FACTORY | {"device": "gpu"}, "device", "unknown device 'gpu'; known: auto, cpu, cuda, cuda:N, mps"),
    (FACTORY | {"device": "cuda:x"}, "device", "unknown device 'cuda:x'"),
    (FACTORY | {"dtype": "float64"}, "dtype", "'float32', 'float16' or 'bfloat16'"),
    (FACTORY | {"compile": "fastest"}, "compile", "'reduce-overhead'"),
    (FACTORY | {"threads": 0}, "threads", "greater than or equal to 1"),
    (FACTORY | {"thread": 1}, "thread", "not permitted"),
    (FACTORY | {"returns": {"logits": True}}, "returns.logits", "valid integer"),
    (FACTORY | {"threads": True}, "threads", "valid integer"),
    (FACTORY | {"threads": 2.0}, "threads", "valid integer"),
    (GENERATE | {"generate": {"suppress_tokens": [True]}}, "generate.suppress_tokens.0", "valid integer"),
    *(
        (GENERATE | {"generate": {name: True}}, f"generate.{name}", "valid number" if "penalty" in name else "valid integer")
        for name in GENERATION_NUMBERS
    ),
]


@pytest.mark.parametrize(("given", "where", "message"), WRONG)
def test_a_wrong_option_is_refused_at_its_key(given: dict[str, Any], where: str, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        DirectOptions.model_validate(given)

    found = {".".join(map(str, error["loc"])): error["msg"] for error in caught.value.errors()}
    messages = [text for place, text in found.items() if place == where or place.startswith(f"{where}.")]
    assert any(message in text for text in messages), found


def test_every_problem_is_reported_at_once() -> None:
    with pytest.raises(ValidationError) as caught:
        DirectOptions.model_validate(SCRIPT | {"path": None, "dtype": "float16", "device": "gpu"})

    assert {error["loc"][0] for error in caught.value.errors()} == {"path", "dtype", "device"}


@pytest.mark.parametrize(
    "given",
    [
        GENERATE | {"generate": {"max_new_tokens": 20, "num_beams": 3, "do_sample": False}},
        BLIP | {"trust_remote_code": True, "revision": COMMIT, "local_files_only": True, "dtype": "bfloat16"},
        FACTORY
        | {"arguments": {"width": 3, "names": ["a"]}, "returns": {"logits": -1, "aux": "aux"}, "compile": "max-autotune"},
        SCRIPT | {"device": "cuda:1", "threads": 4},
        {"loader": "torch_export", "path": "model.pt2", "compile": True},
    ],
)
def test_good_options_pass(given: dict[str, Any]) -> None:
    assert DirectOptions.model_validate(given).model_dump(exclude_unset=True, by_alias=True).keys() == given.keys()


def test_a_number_may_be_text_because_variables_are() -> None:
    options = DirectOptions.model_validate(FACTORY | {"threads": "4"})

    assert options.threads == 4


def test_booleans_stay_booleans_where_they_are_allowed() -> None:
    options = DirectOptions.model_validate(FACTORY | {"arguments": {"flag": True, "count": 1}, "compile": True})

    assert (options.arguments, options.compile) == ({"flag": True, "count": 1}, True)


def test_only_the_generation_options_that_were_set_reach_transformers() -> None:
    options = DirectOptions.model_validate(GENERATE | {"generate": {"max_length": 9, "suppress_tokens": [4]}})

    assert options.generate.arguments() == {"max_length": 9, "suppress_tokens": [4], "do_sample": False}
