"""Validates values, with the complaints going to a report."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from turnout.settings.document.document import DocumentPath
from turnout.settings.problems.report import Report

Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], values: Any, root: DocumentPath, report: Report) -> Model | None:
    """Return ``values``, which stand at ``root``, as a ``model``; None, with the complaints reported, if they are none.

    No exception leaves here: pydantic's has the values, secrets too, in its text.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        report.invalid(error, root, model)
    except Exception as error:  # noqa: BLE001  # a stranger's validator may raise anything
        report.foreign(root, f"the options cannot be checked: {type(error).__name__}: {error}")
    return None
