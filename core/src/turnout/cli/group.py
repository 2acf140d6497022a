"""The command group ``turnout``: its own commands and those of plugins, each imported when it is needed."""

from __future__ import annotations

import errno
import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import click

from turnout.cli.exits import FAILED, exit_code, next_step, system_message, system_step
from turnout.cli.guarded_streams import guarded_streams
from turnout.cli.invocation import Invocation, current_invocation, read_invocation
from turnout.cli.options import complete_pipelines
from turnout.cli.printing import color_choice, print_failure, print_json_error, print_step
from turnout.cli.signals import report_interrupt
from turnout.cli.standard_streams import OUTPUT_CLOSED, output_is_closed, reader_is_gone
from turnout.error_text import one_line
from turnout.plugins.known import COMMAND_SECTIONS
from turnout.shown_text import shown, traceback_text

OWN_COMMANDS = {
    "init": "Write a first turnout.yaml.",
    "adopt": "Take a checkpoint or a model file: export, prove, measure.",
    "check": "Check a turnout.yaml, and with --deep its models.",
    "models": "List the models of a turnout.yaml.",
    "status": "Show the stage of each model and the next command.",
    "health": "Show what serves each model and whether it answers.",
    "export": "Write a model into a model repository.",
    "record": "Record the requests of a model.",
    "verify": "Compare a model's answers on two backends.",
    "bench": "Measure how fast a model or a pipeline answers.",
    "switch": "Move a model to another backend.",
    "metrics": "Print or serve the metrics of several processes.",
    "plugins": "List the installed plugins.",
    "schema": "Print the JSON schema of turnout.yaml.",
}


MODEL_OPTIONS = "turnout.model_options"
"""The entry of ``click.Context.meta`` by which the command of a plugin reads the options of a model."""


class TurnoutGroup(click.Group):
    """A command group that lists its commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*OWN_COMMANDS, *self._load_plugin_commands()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in OWN_COMMANDS:
            module = importlib.import_module(f"turnout.cli.{cmd_name}_command")
            command: click.Command = module.command
            return command
        return self._load_plugin_commands().get(cmd_name)

    def make_context(self, *arguments: Any, **extra: Any) -> click.Context:
        with _ended_from_outside():
            return super().make_context(*arguments, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        from turnout.cli.stages import show_stages
        from turnout.logs import check_variable

        # Also for a command that opens no app: an app would refuse to start with it.
        check_variable()
        ctx.meta[MODEL_OPTIONS] = _model_options
        with _ended_from_outside(), show_stages(ctx.meta):
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        plugins = self._load_plugin_commands()
        rows = OWN_COMMANDS | {name: command.get_short_help_str(80) for name, command in plugins.items()}
        # Of one width in all sections: the columns line up.
        width = max(map(len, rows))
        for title, names in _sections(plugins).items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), rows[name]) for name in names])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            from turnout.errors import nearest_name, suggestion
            from turnout.plugins.known import install_command, install_hint

            known = self.list_commands(ctx)
            hint = install_hint("command", args[0]) or suggestion(args[0], known)
            error = click.UsageError(f"No such command {args[0]!r}.{hint}", ctx)
            near = nearest_name(args[0], known)
            retyped = current_invocation().retype(args[0], near) if near else None
            error.next_step = install_command("command", args[0]) or retyped  # type: ignore[attr-defined]  # read by _run
            raise error
        return super().resolve_command(ctx, args)

    def _load_plugin_commands(self) -> dict[str, click.Command]:
        from turnout.plugins.discovery import find_plugins

        if not hasattr(self, "_plugin_commands"):
            self._plugin_commands = dict(find_plugins(own_commands=OWN_COMMANDS).commands())
            for command in self._plugin_commands.values():
                _complete_pipelines(command)
        return self._plugin_commands


@contextmanager
def _ended_from_outside() -> Iterator[None]:
    """Translate a signal and a reader that is gone, which click would end with a line and with a code of its own."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise click.Abort from interrupt
    except BrokenPipeError as error:
        if reader_is_gone():
            raise click.exceptions.Exit(OUTPUT_CLOSED) from None
        # Without its number: click ends without a word if it is the one of a pipe.
        raise OSError(str(error)) from error
    except OSError as error:
        if error.errno != errno.EBADF or not output_is_closed():
            raise
        from turnout.errors import ConfigurationError

        reason = "standard output is closed, so the result cannot be printed"
        raise ConfigurationError(reason, next_step="run the command again with > FILE") from error
    except EOFError as error:
        # To click it is the end of the user's input; here it is that of a file.
        raise OSError(f"a file ends too early: {error}") from error


def _model_options(file: Path, model: str, backend: str) -> tuple[Any, Any]:
    from turnout.commands.model_options import model_options

    return model_options(file, model, backend)


def _complete_pipelines(command: click.Command) -> None:
    """Complete a plugin's argument ``pipeline``: a plugin cannot read turnout.yaml without opening its models."""
    for parameter in command.params:
        if parameter.name == "pipeline" and parameter._custom_shell_complete is None:  # click has no setter
            parameter._custom_shell_complete = complete_pipelines


def _sections(plugins: Mapping[str, click.Command]) -> Mapping[str, list[str]]:
    """Return the commands of each section, in order."""
    present = {*OWN_COMMANDS, *plugins}
    sections = {title: [name for name in names if name in present] for title, names in COMMAND_SECTIONS.items()}
    for name in sorted(present.difference(*sections.values())):
        sections.setdefault(getattr(plugins[name], "help_section", "Other"), []).append(name)
    return sections


@click.group(cls=TurnoutGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="turnout")
def turnout() -> None:
    """Run named models on the backend that turnout.yaml names, and move them safely."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 ok, 1 a check failed, 2 usage or configuration, 3 backend unreachable."""
    given = sys.argv[1:] if arguments is None else arguments
    invocation = read_invocation(sys.argv[0], given)
    with guarded_streams():
        sys.exit(_exit_code(given, invocation))


def _exit_code(arguments: list[str], invocation: Invocation) -> int:
    """Return the exit code of a command line; print its error."""
    from turnout.errors import TurnoutError

    try:
        return _run(arguments, invocation)
    except TurnoutError as error:
        code = exit_code(error)
        # A stream that cannot be written must not change the exit code.
        with suppress(OSError):
            print_failure(invocation, type(error).__name__, str(error), next_step(error, invocation), code)
    except OSError as error:
        code = FAILED
        with suppress(OSError):
            print_failure(invocation, type(error).__name__, shown(system_message(error)), system_step(error), code)
    except Exception as error:  # noqa: BLE001  # a defect, whose text may be a stranger's: Python would print it as it is
        code = FAILED
        with suppress(OSError):
            click.echo(traceback_text(error), err=True)
            step = "report this defect, with the lines above"
            print_failure(invocation, type(error).__name__, f"unexpected {one_line(error)}", step, code)
    return code


def _run(arguments: list[str], invocation: Invocation) -> int:
    """Return the exit code of a command line; print what click finds wrong with it."""
    try:
        # Not standalone: click would print a usage error, and exit, without a word in JSON.
        ended = turnout.main(
            arguments,
            prog_name=invocation.program,
            complete_var="_TURNOUT_COMPLETE",
            standalone_mode=False,
            obj=invocation,
            color=color_choice(),
        )
        return ended if isinstance(ended, int) else 0
    except click.ClickException as error:
        with suppress(OSError):
            _print_usage_error(error, invocation)
        return error.exit_code
    except click.Abort as abort:
        raise SystemExit(report_interrupt(abort.__cause__)) from abort.__cause__


def _print_usage_error(error: click.ClickException, invocation: Invocation) -> None:
    error.show()
    context, step = getattr(error, "ctx", None), getattr(error, "next_step", None)
    if step is not None:
        step = invocation.suggest(step)
        print_step(step)
    if invocation.as_json:
        step = step or (f"{context.command_path} --help" if context else "")
        print_json_error(type(error).__name__, error.format_message(), step, error.exit_code)
