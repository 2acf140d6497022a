"""Plugins: really loaded from modules, with their owners and their reasons."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, distribution
from pathlib import Path

import pytest

from turnout.errors import PluginConflictError, UnknownNameError
from turnout.plugins.discovery import Plugins, find_plugins
from turnout.plugins.inventory import PluginInfo

Load = Callable[..., Plugins]

HEAD = """
from turnout import Backend, Exporter, Step, hookimpl
import turnout

class Options(turnout.Options):
    pass

"""
GOOD = (
    HEAD
    + """
import click

@hookimpl
def turnout_backends():
    yield Backend("good", None, Options)

@hookimpl
def turnout_steps():
    yield Step("look", None, Options)

@hookimpl
def turnout_exporters():
    yield Exporter("onnx", "good", "model.onnx", None)

@hookimpl
def turnout_commands():
    yield click.Command("wave")
"""
)

BACKENDS = """
@hookimpl
def turnout_backends():
    yield Backend("{}", None, Options)
    yield Backend("{}", None, Options)
"""

BROKEN = {
    "import": (
        "import a_package_that_does_not_exist\n",
        "ModuleNotFoundError: No module named 'a_package_that_does_not_exist'",
    ),
    "syntax": ("def f(:\n", "SyntaxError: "),
    "exits": ("raise SystemExit('no licence')\n", "SystemExit: no licence"),
    "signature": (
        HEAD + "@hookimpl\ndef turnout_backends(registry):\n    return ()\n",
        "PluginValidationError: Plugin 'signature' for hook 'turnout_backends'",
    ),
    "unknown": (
        HEAD + "@hookimpl\ndef turnout_backend():\n    return ()\n",
        "PluginError: it implements an unknown hook 'turnout_backend'; known: turnout_backends, turnout_steps, turnout_exp",
    ),
    "silent": ("x = 1\n", "PluginError: it implements no hook; mark its functions with turnout.hookimpl"),
    "raises": (HEAD + "@hookimpl\ndef turnout_backends():\n    raise KeyError('gpu')\n", "KeyError: 'gpu'"),
    "exits_late": (HEAD + "@hookimpl\ndef turnout_steps():\n    raise SystemExit(3)\n", "SystemExit: 3"),
    "halfway": (
        HEAD + "@hookimpl\ndef turnout_backends():\n    yield Backend('half', None, Options)\n    raise ValueError('then')\n",
        "ValueError: then",
    ),
    "wrong_kind": (
        HEAD + "@hookimpl\ndef turnout_backends():\n    yield Step('s', None, Options)\n",
        "PluginError: turnout_backends yields Step, not Backend",
    ),
    "nothing": (
        HEAD + "@hookimpl\ndef turnout_backends():\n    return None\n",
        "PluginError: turnout_backends returns NoneType; yield each Backend, or return a list",
    ),
}


def _info(plugins: Plugins, name: str) -> PluginInfo:
    return next(info for info in plugins.infos if info.name == name)


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_plugin_is_listed_with_its_reason_while_others_work(kind: str, load_plugins: Load) -> None:
    source, reason = BROKEN[kind]

    plugins = load_plugins(**{kind: source, "healthy": GOOD})

    assert reason in (_info(plugins, kind).error or "")
    assert "\n" not in (_info(plugins, kind).error or "")
    assert _info(plugins, kind).brings == ()
    assert _info(plugins, "healthy").error is None
    assert plugins.backend("good").name == "good"
    assert plugins.known_backends() == ["good"]


def test_all_broken_plugins_together_leave_the_good_one_working(load_plugins: Load) -> None:
    plugins = load_plugins(**{kind: source for kind, (source, _) in BROKEN.items()}, healthy=GOOD)

    assert [info.name for info in plugins.infos if info.error] == sorted(BROKEN)
    assert _info(plugins, "healthy").brings == (
        ("backend", "good"),
        ("step", "look"),
        ("export format", "onnx"),
        ("command", "wave"),
    )


def test_a_plugin_whose_one_hook_raises_still_brings_what_its_others_declare(load_plugins: Load) -> None:
    source = GOOD.replace('yield Step("look", None, Options)', "raise OSError('disk')")

    plugins = load_plugins(partly=source)

    assert _info(plugins, "partly").error == "OSError: disk"
    assert _info(plugins, "partly").brings == (("backend", "good"), ("export format", "onnx"), ("command", "wave"))


def test_gives_what_is_declared_by_name(load_plugins: Load) -> None:
    plugins = load_plugins(good=GOOD)

    assert plugins.step("look").name == "look"
    assert plugins.exporter("onnx").filename == "model.onnx"
    assert list(plugins.commands()) == ["wave"]
    assert plugins.known_steps() == ["look"]
    assert (plugins.backend_options("good"), plugins.step_options("look")) == (plugins.backend("good").options,) * 2
    assert (plugins.backend_options("bad"), plugins.step_options("bad")) == (None, None)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda plugins: plugins.backend("god"), "unknown backend 'god'; known: good. Did you mean 'good'? 'turnout plugins'"),
        (lambda plugins: plugins.step("lock"), "unknown step 'lock'; known: look. Did you mean 'look'?"),
        (lambda plugins: plugins.exporter("pt"), "unknown export format 'pt'; known: onnx. 'turnout plugins' lists"),
    ],
)
def test_an_unknown_name_lists_what_is_known(load_plugins: Load, ask: Callable[[Plugins], object], said: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        ask(load_plugins(good=GOOD))

    assert str(caught.value).startswith(said)


def test_an_unknown_name_lists_broken_plugins_that_may_declare_it(load_plugins: Load) -> None:
    plugins = load_plugins(lost=BROKEN["import"][0])

    with pytest.raises(UnknownNameError) as caught:
        plugins.backend("lost")

    assert str(caught.value) == (
        "unknown backend 'lost'; known: none. Plugin 'lost' (no distribution) is broken: ModuleNotFoundError: "
        "No module named 'a_package_that_does_not_exist'. 'turnout plugins' lists what is installed"
    )


def test_two_plugins_with_one_backend_stop_with_both_owners_named(load_plugins: Load) -> None:
    plugins = load_plugins(first=GOOD, second=GOOD)

    with pytest.raises(PluginConflictError) as caught:
        plugins.backend("good")

    owners = ["'first' (no distribution)", "'second' (no distribution)"]
    message = f"the backend 'good' is claimed by 2 declarations, of {owners[0]} and {owners[1]}; keep one"
    assert str(caught.value) == message
    assert plugins.backend_options("good") is None
    assert plugins.why_missing("backend", "good") == message


def test_a_conflict_leaves_the_other_declarations_usable_and_is_listed(load_plugins: Load) -> None:
    plugins = load_plugins(first=GOOD, second=HEAD + BACKENDS.format("good", "better"))

    assert plugins.known_backends() == ["better"]
    assert plugins.step("look").name == "look"
    assert ["the backend 'good' is claimed" in (info.error or "") for info in plugins.infos] == [True, True]
    assert _info(plugins, "second").brings == (("backend", "better"),)


def test_one_plugin_that_declares_a_name_twice_is_a_conflict_with_itself(load_plugins: Load) -> None:
    plugins = load_plugins(twice=HEAD + BACKENDS.format("b", "b"))

    with pytest.raises(
        PluginConflictError, match=r"'b' is claimed by 2 declarations, of 'twice' \(no distribution\); keep one"
    ):
        plugins.backend("b")


def test_two_entry_points_with_one_name_are_both_listed_and_neither_is_loaded(load_plugins: Load) -> None:
    load_plugins(first=GOOD)
    [module] = [entry for entry in sys.modules if entry.startswith("turnout_test_first_")][-1:]

    plugins = Plugins([EntryPoint("same", module, "turnout"), EntryPoint("same", "turnout.tensors", "turnout")])

    assert [(info.name, info.error) for info in plugins.infos] == [
        ("same", "several plugins are called 'same': of no distribution and no distribution; uninstall all but one")
    ] * 2
    with pytest.raises(UnknownNameError, match=r"unknown backend 'good'; .*several plugins are called 'same'"):
        plugins.backend("good")


def test_a_broken_plugin_keeps_its_traceback(load_plugins: Load) -> None:
    plugins = load_plugins(lost=BROKEN["import"][0], healthy=GOOD)

    assert "import a_package_that_does_not_exist" in _info(plugins, "lost").traceback
    assert _info(plugins, "healthy").traceback == ""


def test_a_command_of_turnout_itself_is_refused_to_a_plugin(load_plugins: Load) -> None:
    load_plugins(
        first=GOOD.replace('yield click.Command("wave")', 'yield click.Command("wave")\n    yield click.Command("nod")')
    )
    [module] = [entry for entry in sys.modules if entry.startswith("turnout_test_first_")][-1:]

    plugins = Plugins([EntryPoint("first", module, "turnout")], own_commands={"wave"})

    assert list(plugins.commands()) == ["nod"]
    assert plugins.backend("good").name == "good"
    assert _info(plugins, "first").error == "its command 'wave' is one of Turnout's own; give it another name"


OPTIONS = {
    "class Loose(BaseModel):\n    pass\n": "the options of backend 'b', Loose, are not derived from turnout.Options; derive",
    "class Loose(turnout.Options, extra='allow'):\n    pass\n": "accept unknown keys; remove 'extra' from model_config",
    "Loose = None\n": "the options of backend 'b' are None, not a class; derive one from turnout.Options",
    "Loose = {}\n": "the options of backend 'b' are {}, not a class; derive one from turnout.Options",
    "class Loose:\n    pass\n": "are not derived from turnout.Options; derive them",
    "Loose = turnout.Options()\n": "not a class; derive one from turnout.Options",
}


@pytest.mark.parametrize("source", OPTIONS)
def test_options_that_are_not_strict_break_the_plugin_at_load(load_plugins: Load, source: str) -> None:
    declares = "@hookimpl\ndef turnout_backends():\n    yield Backend('b', None, Loose)\n"

    plugins = load_plugins(loose=f"{HEAD}from pydantic import BaseModel\n{source}{declares}", healthy=GOOD)

    assert OPTIONS[source] in (_info(plugins, "loose").error or "")
    assert plugins.known_backends() == ["good"]


def test_one_module_under_two_names_breaks_the_second_only(load_plugins: Load) -> None:
    plugins = load_plugins(first=GOOD)
    [module] = [entry for entry in sys.modules if entry.startswith("turnout_test_first_")][-1:]

    both = Plugins([EntryPoint("a", module, "turnout"), EntryPoint("b", module, "turnout")])

    assert plugins.known_backends() == both.known_backends() == ["good"]
    assert (_info(both, "a").error, "already registered" in (_info(both, "b").error or "")) == (None, True)


def test_each_hook_is_asked_once(load_plugins: Load) -> None:
    source = (
        HEAD + "ASKED = []\n@hookimpl\ndef turnout_backends():\n    ASKED.append(1)\n    return [Backend('b', None, Options)]\n"
    )
    plugins = load_plugins(counting=source)

    for _ in range(3):
        plugins.backend("b")
    module = sys.modules[plugins.backend("b").options.__module__]

    assert module.ASKED == [1]


def test_an_interrupt_while_loading_is_not_swallowed(load_plugins: Load) -> None:
    with pytest.raises(KeyboardInterrupt):
        load_plugins(interrupted="raise KeyboardInterrupt\n")


def test_finds_what_is_installed() -> None:
    assert all(info.distribution != "no distribution" for info in find_plugins().infos)


def _install(folder: Path, name: str, source: str) -> None:
    info = folder / f"turnout_{name}-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: turnout-{name}\nVersion: 1.5\n", "utf-8")
    (info / "entry_points.txt").write_text(f"[turnout]\n{name} = turnout_{name}_plugin\n", "utf-8")
    (folder / f"turnout_{name}_plugin.py").write_text(source, "utf-8")


def _turnout(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from turnout.cli import main; main()", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_command_line_works_beside_broken_installed_plugins(tmp_path: Path) -> None:
    _install(tmp_path, "broken", "import a_package_that_does_not_exist\n")
    _install(tmp_path, "exiting", "raise SystemExit(5)\n")
    _install(tmp_path, "working", GOOD.replace('"onnx"', '"text"'))

    listed, helped = _turnout(tmp_path, "plugins"), _turnout(tmp_path, "--help")

    assert (listed.returncode, listed.stderr, helped.returncode, helped.stderr) == (
        0,
        "next: turnout plugins --traceback\n",
        0,
        "",
    )
    lines = {line.split()[0]: line for line in listed.stdout.splitlines()}
    assert "turnout-broken 1.5 " in lines["broken"]
    assert "BROKEN: ModuleNotFoundError: No module named 'a_package_that_does_not_exist'" in lines["broken"]
    assert "BROKEN: SystemExit: 5" in lines["exiting"]
    assert "backend good, step look, export format text, command wave" in lines["working"]
    assert "wave" in helped.stdout


def test_the_command_line_lists_both_owners_of_one_name(tmp_path: Path) -> None:
    _install(tmp_path, "one", GOOD)
    _install(tmp_path, "two", GOOD)

    done = _turnout(tmp_path, "plugins")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("the backend 'good' is claimed by 2 declarations") == 2
    assert "'one' (turnout-one 1.5) and 'two' (turnout-two 1.5); keep one" in done.stdout


def test_turnout_itself_is_installed_with_a_version() -> None:
    assert distribution("turnout").version
