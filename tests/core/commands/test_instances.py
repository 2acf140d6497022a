"""Findings about instances: the threads of this machine, and a server that would run only one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import Field

from turnout import Backend, InstanceGroup, Options
from turnout.commands import instances as module
from turnout.commands.check_result import CheckResult
from turnout.commands.instances import check_instances, instance_groups, server_notes
from turnout.plugins.discovery import Plugins
from turnout.settings import load_settings
from turnout.settings.loaded import LoadedModel

PLUGIN = "from turnout import hookimpl\nDECLARED = []\n@hookimpl\ndef turnout_backends():\n    return DECLARED\n"


class LocalOptions(Options):
    threads: int = 0
    instance_group: tuple[InstanceGroup, ...] = ()


class ServerOptions(Options):
    model_config_: dict[str, Any] | None = Field(None, alias="model_config")


class OwnOptions(Options):
    instance_group: str = "another meaning"


@pytest.fixture
def plugins(load_plugins: Callable[..., Plugins], monkeypatch: pytest.MonkeyPatch) -> Plugins:
    monkeypatch.setattr(module, "_count_cores", lambda: 4)
    plugins = load_plugins(several=PLUGIN)
    never: Any = None
    plugins._inventory._manager.get_plugin("several").DECLARED += [
        Backend("local", never, LocalOptions, threads_option="threads"),
        Backend("silent", never, LocalOptions),
        Backend("own", never, OwnOptions, threads_option="threads"),
        Backend("server", never, ServerOptions, remote=True, tuning=("model_config.instance_group",)),
        Backend("other", never, ServerOptions, remote=True, tuning=("instances",)),
    ]
    return plugins


def model_of(plugins: Plugins, **backends: Any) -> LoadedModel:
    settings = {"models": {"m": {"backend": next(iter(backends)), "backends": backends}}}
    return load_settings(settings, registry=plugins).model("m")


def cpu(count: int, **more: Any) -> dict[str, Any]:
    return {"instance_group": [{"kind": "KIND_CPU", "count": count}], **more}


def finding(plugins: Plugins, **backends: Any) -> CheckResult:
    [found] = check_instances(plugins, model_of(plugins, **backends))
    return found


def test_a_model_without_instances_has_no_finding(plugins: Plugins) -> None:
    assert not list(check_instances(plugins, model_of(plugins, local={}, own={}, server={})))


@pytest.mark.parametrize(("count", "threads"), [(1, 0), (2, 2), (4, 1), (1, 8)])
def test_instances_that_fit_the_cores_are_listed(plugins: Plugins, count: int, threads: int) -> None:
    found = finding(plugins, local=cpu(count, threads=threads))

    assert found == CheckResult("instances", "m", True, f"local: {count} KIND_CPU")


@pytest.mark.parametrize(
    ("count", "threads", "text"),
    [
        (2, 0, "each has no threads, so one thread for each core, which makes 8 threads on 4 cores; write 'threads: 2'"),
        (2, 3, "each has threads: 3, which makes 6 threads on 4 cores; write 'threads: 2'"),
        (3, 2, "each has threads: 2, which makes 6 threads on 4 cores; write 'threads: 1'"),
        (8, 1, "each has threads: 1, which makes 8 threads on 4 cores; write 'threads: 1' and a count of 4 at most"),
    ],
)
def test_more_threads_than_cores_are_noted_with_what_to_write(plugins: Plugins, count: int, threads: int, text: str) -> None:
    found = finding(plugins, local=cpu(count, threads=threads))

    assert (found.ok, found.note, found.text) == (True, True, f"local: {count} KIND_CPU; {text}")


def test_what_a_note_says_to_write_is_no_note(plugins: Plugins) -> None:
    assert not finding(plugins, local=cpu(2, threads=2)).note


@pytest.mark.parametrize("group", [{"kind": "KIND_GPU", "count": 8}, {"kind": "KIND_GPU", "gpus": [0, 1], "count": 9}])
def test_threads_of_gpu_instances_are_not_counted(plugins: Plugins, group: dict[str, Any]) -> None:
    assert not finding(plugins, local={"instance_group": [group]}).note


def test_groups_are_counted_together(plugins: Plugins) -> None:
    groups = [{"kind": "KIND_CPU", "count": 2}, {"kind": "KIND_CPU", "count": 3}, {"kind": "KIND_GPU"}]

    found = finding(plugins, local={"threads": 1, "instance_group": groups})

    assert found.text.startswith(
        "local: 2 KIND_CPU, 3 KIND_CPU, 1 KIND_GPU on each visible GPU; each has threads: 1, which makes 5"
    )


def test_a_backend_that_does_not_say_its_threads_gets_no_note(plugins: Plugins) -> None:
    assert finding(plugins, silent=cpu(64)).text == "silent: 64 KIND_CPU"


def test_an_option_of_that_name_with_another_meaning_is_no_instance_group(plugins: Plugins) -> None:
    assert instance_groups(model_of(plugins, own={}), "own") == ()


def test_a_server_that_would_run_one_instance_is_noted_with_what_to_write(plugins: Plugins) -> None:
    groups = [{"kind": "KIND_CPU", "count": 2}, {"kind": "KIND_GPU", "gpus": [0, 1]}]

    [note] = server_notes(plugins, model_of(plugins, local={"instance_group": groups}, server={}), "server")

    assert note == (
        "'local' has 2 KIND_CPU, 1 KIND_GPU on each of GPU 0, 1, and 'server' has no model_config.instance_group: its server "
        "runs one instance, unless its own configuration says more; write instance_group: [{kind: KIND_CPU, count: 2}, "
        "{kind: KIND_GPU, count: 1, gpus: [0, 1]}], or [{count: 1}], under backends.server.model_config"
    )


@pytest.mark.parametrize(
    "backends",
    [
        {"local": cpu(2), "server": {"model_config": {"instance_group": [{"count": 1}]}}},
        {"local": {}, "server": {}},
        {"local": cpu(2), "other": {}},
        {"local": cpu(2)},
    ],
)
def test_a_server_whose_instances_are_written_or_unknown_is_not_noted(plugins: Plugins, backends: dict[str, Any]) -> None:
    model = model_of(plugins, **backends)

    assert not [note for server in ("server", "other") for note in server_notes(plugins, model, server)]
