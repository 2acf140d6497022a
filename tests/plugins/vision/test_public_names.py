"""The public names of turnout-vision; a change of this list needs a page in docs/decisions."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import turnout_vision

PUBLIC = [
    "Checkpoint",
    "Detections",
    "Frame",
    "ImagePreprocessor",
    "Label",
    "ModelStepOptions",
    "PictureStep",
    "PictureStepOptions",
    "PrepareOptions",
    "Region",
    "TextCodec",
    "TextLine",
    "TextRegion",
    "annotate_result",
    "best_labels",
    "checkpoint_labels",
    "crop",
    "find_checkpoint",
    "parse_regions",
    "paste_mask",
    "prepare_crop",
    "preprocessor_from",
    "preprocessor_of",
    "read_image_preprocessor",
    "read_output",
    "read_picture",
    "read_regions",
    "read_responses",
    "read_text_codec",
    "save_png",
    "suppress",
    "whole_picture",
]


def test_only_these_names_are_public() -> None:
    assert turnout_vision.__all__ == PUBLIC
    assert dir(turnout_vision) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_a_docstring_of_its_own(name: str) -> None:
    assert vars(getattr(turnout_vision, name)).get("__doc__") or getattr(turnout_vision, name).__doc__


def test_type_checkers_see_the_same_names_as_python() -> None:
    tree = ast.parse(Path(turnout_vision.__file__).read_text("utf-8"))
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    seen = {alias.name: node.module for node in imports for alias in node.names}

    assert seen == turnout_vision._ROOMS
    assert sorted(turnout_vision._ROOMS) == turnout_vision.__all__


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'turnout_vision' has no attribute 'Regoin'"):
        turnout_vision.Regoin  # noqa: B018
