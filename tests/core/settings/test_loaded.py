from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from turnout.errors import UnknownNameError
from turnout.settings import LoadedSettings, Registry, load_settings

Load = Callable[..., LoadedSettings]


def test_a_model_is_one_view_of_its_settings_backend_declaration_options_and_place(load: Load, good: str) -> None:
    loaded = load(good)

    model = loaded.model("blip")

    assert (model.name, model.backend, model.where) == ("blip", "onnxruntime", "turnout.yaml:4")
    assert model.settings is loaded.settings.models["blip"]
    assert model.declaration == model.settings.declaration("blip", loaded.folder)
    assert dict(model.options) == {
        "onnxruntime": loaded.backend_options["blip", "onnxruntime"],
        "triton": loaded.backend_options["blip", "triton"],
    }


def test_the_views_are_built_once_in_the_order_of_the_file(load: Load, good: str) -> None:
    loaded = load(good)

    assert list(loaded.models) == ["blip", "birefnet"]
    assert loaded.model("blip") is loaded.model("blip") is loaded.models["blip"]


def test_a_model_of_a_mapping_has_no_place(registry: Registry) -> None:
    loaded = load_settings({"models": {"m": {"backend": "direct", "backends": {"direct": {}}}}}, registry=registry)

    assert loaded.model("m").where == ""


def test_an_unknown_model_is_reported_with_the_known_ones_and_the_file(load: Load, good: str) -> None:
    message = "unknown model 'blib'; known: birefnet, blip. Did you mean 'blip'? In turnout.yaml."

    with pytest.raises(UnknownNameError) as caught:
        load(good).model("blib")

    assert str(caught.value) == message


def test_replaced_settings_have_views_of_their_own(load: Load, good: str) -> None:
    loaded = load(good)
    models = loaded.settings.models | {"blip": loaded.settings.models["blip"].model_copy(update={"backend": "triton"})}

    replaced = dataclasses.replace(loaded, settings=loaded.settings.model_copy(update={"models": models}))

    assert (loaded.model("blip").backend, replaced.model("blip").backend) == ("onnxruntime", "triton")


def test_a_view_is_frozen_and_shows_no_option(load: Load, good: str) -> None:
    model: Any = load(good, TRITON_URL="s3cret-host:8001").model("blip")

    assert "s3cret" not in repr(model)
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.backend = "triton"
    with pytest.raises(TypeError):
        model.options["direct"] = None
    assert model.declaration.folder == Path.cwd()
