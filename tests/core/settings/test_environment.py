from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.settings.environment import MAX_SUBSTITUTED_LENGTH, MAX_VARIABLE_LENGTH, log_unknown_variables, substitute


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}", "x"),
        ("${A:-y}", "x"),
        ("${B:-y}", "y"),
        ("${EMPTY:-y}", "y"),
        ("${EMPTY}", ""),
        ("${B:-}", ""),
        ("${B:-a b:c-d}", "a b:c-d"),
        ("<${A}|${B:-y}|$$>", "<x|y|$>"),
        ("$${A}", "${A}"),
        ("no dollar", "no dollar"),
    ],
)
def test_variables_are_substituted(text: str, value: str) -> None:
    assert substitute({"k": [text]}, {"A": "x", "EMPTY": ""}).values == {"k": [value]}


@pytest.mark.parametrize("text", ["$A", "${A", "${}", "${A-b}", "${1}", "${A:-${B}}", "5$", "${A:-$}"])
def test_any_other_dollar_is_a_problem_and_the_text_stays(text: str) -> None:
    substituted = substitute([text], {"A": "x", "B": "y"})

    assert substituted.values == [text]
    assert [path for path, _ in substituted.problems] == [(0,)]


def test_keys_and_other_kinds_of_values_stay_unchanged() -> None:
    assert substitute({"${A}": 1, "b": None}, {"A": "x"}).values == {"${A}": 1, "b": None}


@given(st.text())
def test_a_value_is_never_parsed_again(secret: str) -> None:
    assert substitute({"a": "${SECRET}"}, {"SECRET": secret}).values == {"a": secret}


def test_what_came_from_the_environment_is_known_and_what_the_file_says_is_not() -> None:
    substituted = substitute({"a": "u:${A}@${B:-host}", "c": "${A}${A}"}, {"A": "x"})

    assert substituted.secrets == {("a",): "x", ("c",): "xx"}
    assert substituted.names == {"A", "B"}


def test_a_long_variable_is_a_problem_that_shows_its_name_and_its_length() -> None:
    substituted = substitute({"a": "${A}${A}"}, {"A": "s3cret" * MAX_VARIABLE_LENGTH})

    ((path, problem),) = substituted.problems
    assert path == ("a",)
    assert problem.startswith(f"the environment variable 'A' has {6 * MAX_VARIABLE_LENGTH} characters;")
    assert substituted.values == {"a": "${A}${A}"}


def test_variables_add_a_limited_number_of_characters() -> None:
    half = "x" * (MAX_VARIABLE_LENGTH // 2)
    fitting = MAX_SUBSTITUTED_LENGTH // len(half)

    assert not substitute({"a": "${A}" * fitting}, {"A": half}).problems
    ((_, problem),) = substitute({"a": "${A}" * (fitting + 1)}, {"A": half}).problems
    assert "makes the settings too long" in problem


def test_a_misspelled_variable_is_logged_without_its_value(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        log_unknown_variables(
            {"TURNOUT_CONFG": "s3cret", "TURNOUT_MINE": "1", "TURNOUT_CONFIG": "x", "HOME": "/"}, frozenset({"TURNOUT_MINE"})
        )

    assert caplog.messages == ["environment variable TURNOUT_CONFG has no effect. Did you mean 'TURNOUT_CONFIG'?"]


def test_variables_that_a_plugin_declares_are_not_logged(load: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    load("{}", TURNOUT_TRITON_ENVIRONMENT="/opt/triton")

    assert caplog.messages == []


def test_variables_that_the_file_names_are_not_logged(load: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    load("executor_threads: ${TURNOUT_THREADS:-3}\n", TURNOUT_THREADS="5", TURNOUT_THREAD="6")

    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("environment variable TURNOUT_THREAD has no effect.")
