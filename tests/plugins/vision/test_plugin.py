from __future__ import annotations

import subprocess
import sys
import types
from importlib.metadata import EntryPoint

import pytest

import turnout
from turnout.plugins.discovery import Plugins
from turnout.plugins.known import install_hint
from turnout.testing import PlusOne
from turnout_vision import factories, plugin


def modules_after(code: str) -> set[str]:
    """Return the modules that a new interpreter has loaded after ``code``."""
    ran = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], check=True, capture_output=True, text=True
    )
    return set(ran.stdout.split())


def test_the_plugin_module_imports_no_other_module_of_the_plugin() -> None:
    modules = modules_after("import turnout_vision.plugin")

    assert {name for name in modules if name.startswith("turnout_vision")} == {"turnout_vision", "turnout_vision.plugin"}
    assert not modules & {"PIL", "tokenizers", "numpy", "pydantic", "click", "rich"} - modules_after(
        "import turnout.plugins.hookspecs"
    )


def test_its_hooks_import_neither_pillow_nor_tokenizers() -> None:
    modules = modules_after("from turnout_vision import plugin; [*plugin.turnout_steps(), *plugin.turnout_commands()]")

    assert not modules & {"PIL", "tokenizers", "huggingface_hub", "torch", "transformers"}


def test_yields_its_steps() -> None:
    assert [step.name for step in plugin.turnout_steps()] == [
        "load_image",
        "detect",
        "segment_regions",
        "caption",
        "answer",
        "find_text",
        "turn_text",
        "read_text",
        "classify",
        "segment",
        "estimate_depth",
        "embed",
        "match_text",
    ]


def test_each_step_names_its_distribution_where_it_is_not_installed() -> None:
    assert all("turnout-vision" in install_hint("step", step.name) for step in plugin.turnout_steps())
    assert install_hint("step", "no step of turnout") == ""


def test_yields_the_command_run() -> None:
    assert [command.name for command in plugin.turnout_commands()] == ["run"]


def test_a_hook_that_is_called_again_yields_the_same() -> None:
    from turnout_vision.options.load_image import LoadImageOptions

    first = next(iter(plugin.turnout_steps()))
    first.create(None, LoadImageOptions())  # type: ignore[arg-type]  # load_image ignores it

    assert next(iter(plugin.turnout_steps())) == first


class ServerOptions(turnout.Options):
    token: str
    checkpoint: str
    revision: str | None = None


class Idle(turnout.PipelineStep):
    model = "m"


def test_a_step_sees_the_checkpoint_of_a_model_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = turnout.Backend("server", lambda *_: PlusOne(), ServerOptions)
    other = types.ModuleType("other_plugin")
    other.turnout_backends = turnout.hookimpl(lambda: [backend], specname="turnout_backends")  # type: ignore[attr-defined]  # a module of this test
    monkeypatch.setitem(sys.modules, "other_plugin", other)
    plugins = Plugins([EntryPoint(name, name, "turnout") for name in ("turnout_vision.plugin", "other_plugin")])
    seen: list[turnout.StepDeclaration] = []

    def create(declaration: turnout.StepDeclaration, options: object) -> turnout.PipelineStep:
        seen.append(declaration)
        return Idle()

    for step in ("load_image", "segment_regions", "caption", "answer"):
        monkeypatch.setattr(factories, f"create_{step}", create)
    settings = {
        "models": {"m": {"backends": {"server": {"token": "s3cret", "checkpoint": "org/blip", "revision": "abc"}}}},
        "backend": "server",
        "pipelines": {"all": ["load_image", *({step: {"model": "m"}} for step in ("segment_regions", "caption", "answer"))]},
    }

    with turnout.open(settings, plugins=plugins) as app:
        app.pipeline("all")

    load_image, *with_model = [declaration.models["m"]["server"] for declaration in seen]
    assert load_image == {}
    assert with_model == [{"checkpoint": "org/blip", "revision": "abc"}] * 3


def test_each_name_that_a_step_needs_has_a_kind_that_provides_it() -> None:
    providers = Plugins([EntryPoint("vision", "turnout_vision.plugin", "turnout")]).step_providers()

    assert providers["text_regions"] == ["find_text"]
    assert providers["regions"] == ["detect", "load_image"]
    assert (providers["picture"], providers["embedding"], providers["embeddings"]) == (["load_image"], ["embed"], ["embed"])


def test_a_kind_provides_what_its_steps_do() -> None:
    from turnout_vision.steps.detect import Detect
    from turnout_vision.steps.estimate_depth import EstimateDepth
    from turnout_vision.steps.find_text import FindText
    from turnout_vision.steps.load_image import LoadImage
    from turnout_vision.steps.segment import Segment
    from turnout_vision.steps.segment_regions import SegmentRegions

    declared = {step.name: step.provides for step in plugin.turnout_steps()}

    assert declared["detect"] == Detect.provides
    assert declared["estimate_depth"] == EstimateDepth.provides
    assert declared["find_text"] == FindText.provides
    assert declared["load_image"] == LoadImage.provides
    assert declared["segment"] == Segment.provides
    assert declared["segment_regions"] == SegmentRegions.provides
