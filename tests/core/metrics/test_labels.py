"""Closed sets of label values, and which of them an error belongs to."""

from __future__ import annotations

import pytest

import turnout.errors
from turnout.errors import InvalidInputError, InvalidTensorError, SettingsError, StepError, TurnoutError
from turnout.metrics.labels import Outcome, Role, StepFailureReason, step_failure_reason_of
from turnout.settings.schema.file import ModelSettings


def test_a_step_fails_for_the_reasons_that_a_request_fails_for_and_for_its_input() -> None:
    failures = set(Outcome) - {Outcome.OK, Outcome.CANCELLED}

    assert set(map(str, StepFailureReason)) == set(map(str, failures)) | {"invalid_input"}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (InvalidInputError("no picture"), "invalid_input"),
        (InvalidTensorError("no tensor"), "invalid_request"),
        (StepError("no step"), "error"),
        (ZeroDivisionError(), "error"),
    ],
)
def test_an_error_of_a_step_has_its_reason(error: Exception, reason: str) -> None:
    assert step_failure_reason_of(error) == reason


def test_every_error_of_turnout_has_a_reason() -> None:
    kinds = [kind for kind in vars(turnout.errors).values() if isinstance(kind, type) and issubclass(kind, TurnoutError)]
    errors = [kind.__new__(kind) for kind in kinds]

    assert SettingsError in kinds
    assert {step_failure_reason_of(error) for error in errors} <= set(StepFailureReason)


def test_the_roles_are_the_keys_of_the_file() -> None:
    assert {str(role) for role in Role} - {"serves"} <= set(ModelSettings.model_fields)
