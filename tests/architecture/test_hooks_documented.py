"""The references document every hook and every metric, and nothing else."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from turnout import Backend, Exporter, Repository, Step
from turnout.metrics import Metrics, Outcome
from turnout.metrics.catalogue import gpus
from turnout.metrics.declaration import GaugeFamily
from turnout.plugins import hookspecs

ROOT = Path(__file__).parents[2]
HOOKS_PAGE = (ROOT / "docs/reference/hooks.md").read_text("utf-8")
METRICS_PAGE = (ROOT / "docs/reference/metrics.md").read_text("utf-8")

HOOKS: dict[str, Callable[..., Any]] = {
    name: function for name, function in vars(hookspecs).items() if name.startswith("turnout_") and callable(function)
}
DECLARATIONS = {
    "turnout_backends": Backend,
    "turnout_steps": Step,
    "turnout_exporters": Exporter,
    "turnout_repositories": Repository,
}


def signature_of(hook: Callable[..., Any]) -> str:
    return f"def {hook.__name__}{inspect.signature(hook)}".replace("'", "")


def sections(page: str) -> dict[str, str]:
    parts = re.split(r"^## `?([a-z_]+)`?$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_hook_has_its_section_and_every_section_its_hook() -> None:
    assert sorted(sections(HOOKS_PAGE)) == sorted(HOOKS)


@pytest.mark.parametrize("name", sorted(HOOKS))
def test_the_exact_signature_and_the_docstring_are_in_the_reference(name: str) -> None:
    section = sections(HOOKS_PAGE)[name]

    assert f"```python\n{signature_of(HOOKS[name])}\n```" in section
    assert (HOOKS[name].__doc__ or "").strip() in section


@pytest.mark.parametrize("name", sorted(DECLARATIONS))
def test_the_reference_lists_the_fields_of_the_declaration_and_no_others(name: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \|", sections(HOOKS_PAGE)[name], flags=re.MULTILINE)

    assert rows == [field.name for field in dataclasses.fields(DECLARATIONS[name])]


@pytest.mark.parametrize("name", sorted(HOOKS))
def test_the_shipped_plugins_that_the_reference_names_use_the_hook(name: str) -> None:
    named = re.findall(r"Used by `turnout-(\w+)`", sections(HOOKS_PAGE)[name])
    users = [file for file in (ROOT / "plugins").glob("*/src/*/plugin.py") if f"def {name}(" in file.read_text("utf-8")]

    assert named
    assert {f"turnout_{plugin}" for plugin in named} <= {file.parent.name for file in users}


def test_every_hook_has_a_test_named_after_it() -> None:
    tests = set(re.findall(r"^def test_(turnout_\w+)\(", Path(__file__).read_text("utf-8"), flags=re.MULTILINE))

    assert tests == set(HOOKS)


def test_turnout_backends(load_hooks: Callable[[str], Any]) -> None:
    assert load_hooks("turnout_backends").backend("plus_one").batches is False


def test_turnout_steps(load_hooks: Callable[[str], Any]) -> None:
    assert load_hooks("turnout_steps").step("shout").name == "shout"


def test_turnout_exporters(load_hooks: Callable[[str], Any]) -> None:
    exporter: Exporter = load_hooks("turnout_exporters").exporter("text")

    assert (exporter.backend, exporter.filename) == ("plus_one", "model.txt")


def test_turnout_repositories(load_hooks: Callable[[str], Any]) -> None:
    [kind] = load_hooks("turnout_repositories").repositories()

    assert (kind.name, kind.backend) == ("readme", "plus_one")


def test_turnout_commands(load_hooks: Callable[[str], Any]) -> None:
    assert list(load_hooks("turnout_commands").commands()) == ["wave"]


@pytest.fixture
def load_hooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Return a function that loads the example of a hook's section as a plugin."""
    from importlib.metadata import EntryPoint

    from turnout.plugins.discovery import Plugins

    monkeypatch.syspath_prepend(str(tmp_path))

    def load(name: str) -> Plugins:
        source = "\n".join(re.findall(r"```python\n(from .*?)```", sections(HOOKS_PAGE)[name], flags=re.DOTALL))
        (tmp_path / f"turnout_example_{name}.py").write_text(source, "utf-8")
        return Plugins([EntryPoint("example", f"turnout_example_{name}", "turnout")])

    return load


def documented_metrics(page: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    rows = re.findall(r"^\| `(turnout_\w+)` \| (\w+) \| ([^|]*) \| (\w+) \| [^|]+ \|$", page, flags=re.MULTILINE)
    return {name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels, _ in rows}


def counted_metrics() -> dict[str, tuple[str, tuple[str, ...]]]:
    metrics = Metrics()
    # prometheus_client's own families, of the process, are no objects here.
    families: set[Any] = {family for family in metrics.registry._collector_to_names if hasattr(family, "_labelnames")}
    read_at_a_scrape: dict[str, tuple[str, tuple[str, ...]]] = {
        family.name: ("gauge", family.labels) for family in vars(gpus).values() if isinstance(family, GaugeFamily)
    }
    return read_at_a_scrape | {
        f"{family._name}_total" if family._type == "counter" else family._name: (family._type, tuple(family._labelnames))
        for family in families
    }


def test_the_reference_lists_every_metric_with_kind_and_labels_and_no_other() -> None:
    assert documented_metrics(METRICS_PAGE) == counted_metrics()


def test_the_unit_in_the_reference_is_that_of_the_name() -> None:
    rows = re.findall(r"^\| `(turnout_\w+)` \| \w+ \| [^|]* \| (\w+) \|", METRICS_PAGE, flags=re.MULTILINE)

    for name, unit in rows:
        assert (unit == "seconds") == name.endswith("_seconds")


def test_a_missing_or_wrong_row_is_found() -> None:
    first, *_ = re.findall(r"^\| `turnout_.*\n", METRICS_PAGE, flags=re.MULTILINE)

    assert documented_metrics(METRICS_PAGE.replace(first, "")) != counted_metrics()
    assert documented_metrics(METRICS_PAGE.replace("`outcome` |", "`code` |")) != counted_metrics()


def test_the_reference_lists_every_outcome() -> None:
    section = METRICS_PAGE.split("## Outcomes")[1].split("\n## ")[0]

    assert tuple(re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)) == tuple(Outcome)


def test_the_settings_in_the_metrics_reference_can_be_loaded(tmp_path: Path) -> None:
    from turnout.plugins.discovery import Plugins
    from turnout.settings import load_settings

    file, found = tmp_path / "turnout.yaml", []
    for block in re.findall(r"```yaml\n(.*?)```", METRICS_PAGE, flags=re.DOTALL):
        file.write_text(block, "utf-8")
        found.append(load_settings(file, registry=Plugins([])).settings.metrics)

    assert [settings for settings in found if settings.latency_buckets_seconds]
    assert [settings for settings in found if settings.port]
