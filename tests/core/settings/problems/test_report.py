from __future__ import annotations

import traceback
from collections.abc import Callable

import pytest

from turnout.errors import SettingsError
from turnout.settings.problems.report import MAX_PROBLEMS

Refuse = Callable[..., SettingsError]

SECRET = "Tr0ub4dor&3"

MANY = """\
bakend: direct
models:
  m:
    backend: onnxruntime
    bakend: x
    max_batch_size: -1
    backends:
      onnxruntime: {pth: m.onnx, level: basc}
  m: {}
  n:
    backend: ${NOWHERE}
pipelines:
  p:
    - captoin
    - caption: {model: blip}
executor_threads: 0
"""


def test_every_error_is_reported_in_the_order_of_the_file(refuse: Refuse) -> None:
    problems = refuse(MANY).problems

    assert [problem.where.removeprefix("turnout.yaml:") for problem in problems] == [
        "1:1",
        "5:5",
        "6:21",
        "8:7",
        "8:21",
        "8:41",
        "9:3",
        "11:14",
        "14:7",
        "15:24",
        "16:19",
    ]


def test_the_whole_error_reads_as_a_compiler_would_write_it(refuse: Refuse) -> None:
    error = refuse("models:\n  birefnet:\n    bakend: direct\n    backend: direct\n    backends: {direct: {}}\n")

    assert str(error) == (
        "turnout.yaml:3:5: models.birefnet.bakend: unknown key. Did you mean 'backend'?\n        bakend: direct\n        ^"
    )


LIST = "models:\n  m:\n    backend: onnxruntime\n    backends: {onnxruntime: {path: m.onnx, %s}}\n"


@pytest.mark.parametrize(
    ("option", "messages"),
    [
        ("size: [64]", ["size: must have 2 entries, got 1"]),
        ("size: []", ["size: must have 2 entries, got an empty list"]),
        ("size: [1, 2, 3]", ["size: must have 2 or fewer entries, got 3"]),
        ("size: [x]", ["size: must have 2 entries, got 1", "size[0]: must be a whole number, got 'x'"]),
        ("size: 64", ["size: must be a list, got 64"]),
        ("mean: []", ["mean: must have 3 entries or must have 1 entry, got an empty list"]),
        ("devices: [1, 2, 3]", ["devices: must have 2 or fewer entries, got 3"]),
    ],
)
def test_a_list_of_a_fixed_length_has_one_problem_for_its_length(option: str, messages: list[str], refuse: Refuse) -> None:
    problems = refuse(LIST % option).problems

    assert [problem.message.removeprefix("models.m.backends.onnxruntime.") for problem in problems] == messages


def test_a_mapping_gets_the_same_messages_without_a_place(refuse: Refuse, refuse_mapping: Refuse) -> None:
    from_file = refuse("models: {m: {bakend: x, backend: direct, backends: {direct: {generate: {max_length: x}}}}}\n")

    from_mapping = refuse_mapping(
        {"models": {"m": {"bakend": "x", "backend": "direct", "backends": {"direct": {"generate": {"max_length": "x"}}}}}}
    )

    assert [problem.message for problem in from_mapping.problems] == [problem.message for problem in from_file.problems]
    assert {(problem.where, problem.excerpt) for problem in from_mapping.problems} == {("", "")}


WITH_SECRETS = [
    "models: {m: {backend: triton, backends: {triton: {url: 'http://u:${SECRET}@host'}}}}\n",
    "models: {m: {backend: triton, backends: {triton: {url: x, timeout_seconds: '${SECRET}'}}}}\n",
    "models: {m: {backend: burning, backends: {burning: {fuel: '${SECRET}'}}}}\n",
    "models: {m: {backend: burning, backends: {burning: {fuel: 'x${SECRET}y'}}}}\n",
    "models: {m: {backend: direct, backends: {direct: {revison: '${SECRET}'}}}}\n",
    "models: {m: {backend: '${SECRET}', backends: {triton: {url: x}}}}\n",
    "backend: '${SECRET}'\nmodels: {m: {backends: {triton: {url: x}}}}\n",
    "models: {m: {backend: onnxruntime, max_batch_size: '${SECRET}', backends: {onnxruntime: {level: '${SECRET}'}}}}\n",
    "models: {m: {inputs: {x: '${SECRET}'}, preload: '${SECRET}'}}\n",
    "pipelines: {p: ['${SECRET}', {caption: {model: '${SECRET}'}}]}\n",
    "pipelines: {p: '${SECRET}'}\nexecutor_threads: '${SECRET}'\nmetrics: {latency_buckets_seconds: ['${SECRET}']}\n",
]


@pytest.mark.parametrize("text", WITH_SECRETS)
def test_no_error_shows_what_came_from_the_environment(text: str, refuse: Refuse) -> None:
    error = refuse(text, SECRET=SECRET)

    shown = "".join(traceback.format_exception(error)) + repr(error) + repr(error.problems)
    assert SECRET.casefold() not in shown.casefold()
    assert error.__context__ is None
    assert any("${SECRET}" in problem.excerpt for problem in error.problems)


@pytest.mark.parametrize("text", WITH_SECRETS)
def test_the_check_for_secrets_would_find_one(text: str, refuse: Refuse) -> None:
    # The password of a URL is hidden wherever it comes from.
    error = refuse(text.replace("${SECRET}", SECRET).replace("http://u:", "http://").replace("@host", ""))

    assert SECRET.casefold() in str(error).casefold()


def test_a_plugins_reason_is_hidden_only_if_it_repeats_a_value(refuse: Refuse) -> None:
    text = "models: {m: {backend: direct, backends: {direct: {trusted: '${TRUSTED}'}}}}\n"

    error = refuse(text, TRUSTED="true")
    other = refuse(text, TRUSTED="1")

    assert "this value is refused; the reason repeats a value from the environment" in str(error)
    assert "'trusted: true' needs a 'revision'" in str(other)


def test_a_plugins_reason_is_shown_if_it_resembles_a_value_that_the_plugin_never_saw(refuse: Refuse) -> None:
    text = "models: {m: {backend: direct, max_batch_size: '${SIZE}', backends: {direct: {trusted: true}}}}\n"

    assert "'trusted: true' needs a 'revision'" in str(refuse(text, SIZE="a revision"))


def test_a_backend_from_the_environment_is_refused_with_the_variable_and_the_known_names(refuse: Refuse, good: str) -> None:
    (problem,) = refuse(good, INFERENCE_BACKEND="onnxruntim").problems

    assert problem.where == "turnout.yaml:2:10"
    assert (
        "unknown backend '${INFERENCE_BACKEND:-onnxruntime}'; known: burning, direct, onnxruntime, triton." in problem.message
    )
    assert "The value from the environment is not a known name" in problem.message


def test_after_twenty_problems_the_others_are_counted(refuse: Refuse) -> None:
    problems = refuse("".join(f"k{number}: 1\n" for number in range(MAX_PROBLEMS + 312))).problems

    assert len(problems) == MAX_PROBLEMS + 1
    assert problems[-1].message == "and 312 more problems; fix these first"


def test_a_report_has_some_kilobytes_at_most(refuse: Refuse) -> None:
    key = "k" * 30_000
    error = refuse("".join(f"? {key}{number}\n: 1\n" for number in range(18)))

    assert len(str(error)) < 10_000
    assert "and 1 more problem; fix these first" in str(error)
    assert max(len(problem.message) for problem in error.problems) < 1_100


def test_long_values_are_shortened(refuse: Refuse) -> None:
    (problem,) = refuse(f"executor_threads: {'x' * 300}\n").problems

    assert len(problem.message) < 120


def test_several_sentences_of_a_plugin_about_one_place_are_kept_apart(refuse: Refuse) -> None:
    (problem,) = refuse("models: {m: {backend: direct, backends: {direct: {generate: [1]}}}}\n").problems

    assert problem.message == "models.m.backends.direct.generate: must be a mapping of keys to values, got a list"
