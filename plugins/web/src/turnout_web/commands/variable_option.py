"""An option whose errors name the variable that its value came from."""

from __future__ import annotations

import click
from click.core import ParameterSource


class VariableOption(click.Option):
    """An option that a variable of the environment may set: a user who typed no option looks for the variable."""

    def get_error_hint(self, ctx: click.Context | None) -> str:
        source = ctx.get_parameter_source(self.name) if ctx is not None and self.name is not None else None
        return f"'{self.envvar}'" if source is ParameterSource.ENVIRONMENT else super().get_error_hint(ctx)
