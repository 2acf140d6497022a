"""Validation of values by a pydantic model, with the errors added to a report."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from turnout.settings.document.document import DocumentPath
from turnout.settings.problems.report import Report

Model = TypeVar("Model", bound=BaseModel)


def validate(model: type[Model], values: Any, root: DocumentPath, report: Report) -> Model | None:
    """Return ``values``, which are at ``root``, as a ``model``; None, and add the errors to ``report``, if they are not valid.

    No exception leaves this function: pydantic's contains the values, also secrets, in its text.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        report.add_validation_error(error, root, model)
    except Exception as error:  # noqa: BLE001  # a plugin's validator may raise anything
        report.add_foreign(root, f"the options cannot be checked: {type(error).__name__}: {error}")
    return None
