"""Errors: the tree, the suggestions, the one line."""

from __future__ import annotations

import inspect
import pickle

from turnout import errors
from turnout.errors import Problem, SettingsError, TurnoutError, one_line, suggestion, text_of, unknown_name


def _classes() -> dict[str, type]:
    return {name: kind for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, Exception)}


def test_the_docstring_draws_every_error_below_its_parent() -> None:
    drawn: dict[str, str] = {}
    parents: list[str] = []

    for line in (errors.__doc__ or "").splitlines():
        words = line.lstrip("│├└─ ").split()
        if not words or not words[0].endswith("Error") or not words[0].isalnum():
            continue
        depth = (len(line) - len(line.lstrip("│├└─ "))) // 4
        parents[depth:] = [words[0]]
        drawn[words[0]] = parents[depth - 1] if depth else "Exception"

    assert drawn == {name: kind.__mro__[1].__name__ for name, kind in _classes().items()}


def test_every_error_is_a_turnout_error_with_one_sentence() -> None:
    for name, kind in _classes().items():
        assert issubclass(kind, TurnoutError)
        assert name.endswith("Error")
        assert (kind.__doc__ or "").strip().endswith(".")


def test_suggests_the_nearest_name_or_nothing() -> None:
    assert suggestion("tritn", ["direct", "triton"]) == " Did you mean 'triton'?"
    assert suggestion("zzz", ["direct", "triton"]) == ""


def test_an_unknown_name_lists_what_is_known_and_where_it_was_asked_for() -> None:
    error = unknown_name("model", "blp", ["segmenter", "blip"], "In turnout.yaml.")

    assert str(error) == "unknown model 'blp'; known: blip, segmenter. Did you mean 'blip'? In turnout.yaml."


def test_an_unknown_name_among_none_says_none() -> None:
    assert str(unknown_name("model", "x", [])) == "unknown model 'x'; known: none."


def test_one_line_joins_lines_and_names_the_kind() -> None:
    assert one_line(ValueError("first\n   second")) == "ValueError: first second"
    assert one_line(TimeoutError()) == "TimeoutError: no text"


def test_a_settings_error_shows_each_problem_with_its_excerpt() -> None:
    error = SettingsError([Problem("f.yaml:1:2", "wrong", "  1 | x\n      ^"), Problem("", "nowhere")])

    assert str(error) == "f.yaml:1:2: wrong\n  1 | x\n      ^\nnowhere"
    assert len(error.problems) == 2


def test_a_foreign_text_becomes_one_line_of_bounded_length() -> None:
    assert text_of(ValueError("a\n  b")) == "a b"
    assert text_of(ValueError()) == "ValueError"
    assert text_of(ValueError("x" * 301)) == f"{'x' * 152} ... (49 characters left out) ... {'x' * 100}"


def test_an_error_carries_model_backend_and_the_wait_where_they_are_known() -> None:
    error = errors.CircuitOpenError("open", model="m", retry_after_seconds=1.5)

    error.locate("other", "triton")

    assert (str(error), error.model, error.backend, error.retry_after_seconds) == ("open", "m", "triton", 1.5)
    assert (TurnoutError("x").model, TurnoutError("x").backend, TurnoutError("x").retry_after_seconds) == (None, None, None)


def test_an_error_keeps_its_attributes_in_another_process() -> None:
    error = pickle.loads(pickle.dumps(errors.OverloadedError("full", model="m", backend="b", retry_after_seconds=2.0)))

    assert (str(error), error.model, error.backend, error.retry_after_seconds) == ("full", "m", "b", 2.0)


def test_an_unknown_name_is_an_error_of_the_configuration() -> None:
    assert isinstance(unknown_name("model", "x", []), errors.ConfigurationError)
