"""A variable that a plugin's command reads is no mistake of the user."""

from __future__ import annotations

import logging
from collections.abc import Callable

import click
import pytest

from turnout.plugins.command_variables import variables_of
from turnout.plugins.discovery import Plugins
from turnout.settings.environment import log_unknown_variables

PLUGIN = """
import click
from turnout import hookimpl

@hookimpl
def turnout_commands():
    inner = click.Command("inner", params=[click.Option(["--token"], envvar="TURNOUT_INNER_TOKEN")])
    port = click.Option(["--port"], envvar=["TURNOUT_PORT", "TURNOUT_OTHER_PORT"])
    yield click.Group("outer", commands=[inner], params=[port])
"""


def test_the_variables_of_a_group_and_of_its_commands() -> None:
    inner = click.Command("inner", params=[click.Option(["--a"], envvar="A"), click.Option(["--none"])])
    outer = click.Group("outer", commands=[inner], params=[click.Option(["--b"], envvar=["B", "C"])])

    assert list(variables_of([outer])) == ["B", "C", "A"]


def test_they_are_known_and_others_are_not(load_plugins: Callable[..., Plugins], caplog: pytest.LogCaptureFixture) -> None:
    plugins = load_plugins(several=PLUGIN)
    environment = {"TURNOUT_INNER_TOKEN": "x", "TURNOUT_OTHER_PORT": "1", "TURNOUT_INNER_TOKEM": "y"}

    with caplog.at_level(logging.WARNING):
        log_unknown_variables(environment, frozenset(), plugins)

    [record] = caplog.records
    assert record.getMessage() == (
        "environment variable TURNOUT_INNER_TOKEM has no effect. Did you mean 'TURNOUT_INNER_TOKEN'?"
    )
