from __future__ import annotations

import subprocess
import sys

from turnout_vision import plugin


def loaded_after(code: str) -> set[str]:
    """Return the modules that a new interpreter has after ``code``."""
    ran = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], check=True, capture_output=True, text=True
    )
    return set(ran.stdout.split())


def test_the_plugin_alone_imports_nothing_of_its_own() -> None:
    modules = loaded_after("import turnout_vision.plugin")

    assert {name for name in modules if name.startswith("turnout_vision")} == {"turnout_vision", "turnout_vision.plugin"}
    assert not modules & {"PIL", "tokenizers", "numpy", "pydantic", "click", "rich"} - loaded_after(
        "import turnout.plugins.hookspecs"
    )


def test_its_hooks_import_neither_pillow_nor_tokenizers() -> None:
    modules = loaded_after("from turnout_vision import plugin; [*plugin.turnout_steps(), *plugin.turnout_commands()]")

    assert not modules & {"PIL", "tokenizers", "huggingface_hub", "torch", "transformers"}


def test_brings_four_steps() -> None:
    assert [step.name for step in plugin.turnout_steps()] == ["load_image", "segment_regions", "caption", "answer"]


def test_brings_the_command_run() -> None:
    assert [command.name for command in plugin.turnout_commands()] == ["run"]


def test_a_hook_that_is_asked_again_brings_the_same() -> None:
    from turnout_vision.options import LoadImageOptions

    first = next(iter(plugin.turnout_steps()))
    first.create(None, LoadImageOptions())  # type: ignore[arg-type]  # it has no use for a declaration

    assert next(iter(plugin.turnout_steps())) == first
