from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from turnout.settings import LoadedSettings
from turnout.settings.schema.file import unique_names
from turnout.tensors import TensorSpec


def test_a_declaration_has_the_batch_axis_in_front(load: Callable[..., LoadedSettings], good: str) -> None:
    declaration = load(good).settings.models["blip"].declaration("blip", Path("folder"))

    assert declaration.name == "blip"
    assert declaration.folder == Path("folder")
    assert declaration.inputs == (TensorSpec("pixel_values", "FP32", (-1, 3, 384, 384)),)
    assert declaration.outputs == (TensorSpec("generated_ids", "INT64", (-1, -1)),)
    assert declaration.max_batch_size == 8


def test_without_a_batch_axis_the_declared_shape_is_the_whole_shape(load: Callable[..., LoadedSettings]) -> None:
    text = "models: {m: {backend: direct, inputs: {x: 'FP32[3]'}, backends: {direct: }}}\n"

    declaration = load(text).settings.models["m"].declaration("m", Path())

    assert declaration.inputs[0].shape == (3,)
    assert declaration.max_batch_size == 0


def test_no_in_words_of_old_yaml_is_false(load: Callable[..., LoadedSettings]) -> None:
    text = "models: {m: {backend: direct, preload: no, backends: {direct: }}}\n"

    assert load(text).settings.models["m"].preload is False


def test_a_step_that_occurs_twice_gets_a_number() -> None:
    assert unique_names(["load", "caption", "caption", "caption"]) == ["load", "caption", "caption_2", "caption_3"]
    assert unique_names(["caption", "caption", "caption_2"]) == ["caption", "caption_3", "caption_2"]


@given(st.lists(st.sampled_from(["a", "a_2", "a_3", "a_2_2", "b"]), max_size=12))
def test_names_of_steps_are_unique_and_the_first_of_a_kind_keeps_its_own(kinds: list[str]) -> None:
    names = unique_names(kinds)

    assert len(set(names)) == len(kinds)
    assert all(names[kinds.index(kind)] == kind for kind in kinds)
