"""The option ``--set``: further inputs of a pipeline."""

from __future__ import annotations

from typing import Any

import click

from turnout.files.limits import VALUE
from turnout.files.strict_json import parse_json_or_text


def parse_values(_: click.Context, __: click.Parameter, written: tuple[str, ...]) -> dict[str, Any]:
    """Return the values of ``NAME=VALUE``, as JSON or text, by name."""
    inputs: dict[str, Any] = {}
    for text in written:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"write NAME=VALUE, got {text!r}")
        try:
            inputs[name] = parse_json_or_text(value, VALUE)
        except ValueError as error:
            raise click.BadParameter(f"{name}={value!r:.60} cannot be used: {error}") from None
    return inputs
