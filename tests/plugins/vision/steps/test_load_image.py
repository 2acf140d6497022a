from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from turnout import PipelineStep
from turnout.errors import InvalidInputError
from turnout_vision.factories import create_load_image
from turnout_vision.options.load_image import LoadImageOptions
from turnout_vision.regions.region import Region

WHOLE = Region(0, 0, 120, 110)


def steps(**options: Any) -> dict[str, PipelineStep]:
    return {"load_image": create_load_image(None, LoadImageOptions(**options))}  # type: ignore[arg-type]  # load_image ignores it


@pytest.fixture
def photo(tmp_path: Path, scene: NDArray[np.uint8]) -> Path:
    Image.fromarray(scene).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_a_picture_without_regions_is_one_region(run: Any, photo: Path, scene: NDArray[np.uint8]) -> None:
    result = run(steps(), image=photo)

    np.testing.assert_array_equal(result["picture"], scene)
    assert result["regions"] == [WHOLE]


def test_regions_are_read_from_the_file_next_to_the_picture(run: Any, photo: Path, write: Callable[[Path, Any], None]) -> None:
    write(photo.with_name("photo.regions.json"), {"regions": [{"box": [1, 2, 30, 40], "label": "cup"}]})

    assert run(steps(), image=str(photo))["regions"] == [Region(1, 2, 30, 40, "cup")]


def test_given_regions_override_the_file(run: Any, photo: Path, write: Callable[[Path, Any], None]) -> None:
    write(photo.with_name("photo.regions.json"), {"regions": [{"box": [1, 2, 30, 40]}]})

    assert run(steps(), image=photo, regions=[[5, 6, 7, 8]])["regions"] == [Region(5, 6, 7, 8)]


def test_regions_may_be_given_as_a_file(run: Any, photo: Path, write: Callable[[Path, Any], None], tmp_path: Path) -> None:
    write(tmp_path / "boxes.json", [[5, 6, 7, 8]])

    assert run(steps(), image=photo, regions=str(tmp_path / "boxes.json"))["regions"] == [Region(5, 6, 7, 8)]


def test_a_broken_file_of_regions_fails_the_picture(run: Any, photo: Path) -> None:
    photo.with_name("photo.regions.json").write_text("{")

    with pytest.raises(InvalidInputError, match=r"photo\.regions\.json' is not valid JSON"):
        run(steps(), image=photo)


def test_a_wrong_box_is_reported_with_its_index_and_keeps_its_place(run: Any, scene: NDArray[np.uint8]) -> None:
    result = run(steps(), image=scene, regions=[[0, 0, 9, 9], [9, 9, 0, 0], [1, 1, 9, 9]])

    assert result["regions"] == [Region(0, 0, 9, 9), None, Region(1, 1, 9, 9)]
    assert [(failure.step, failure.index) for failure in result.failures] == [("load_image", 1)]
    assert isinstance(result.failures[0].error, InvalidInputError)


def test_a_run_with_only_wrong_boxes_still_returns(run: Any, scene: NDArray[np.uint8]) -> None:
    result = run(steps(), image=scene, regions=[["x"], None])

    assert result["regions"] == [None, None]
    assert len(result.failures) == 2


def test_regions_above_the_limit_are_reported(run: Any, scene: NDArray[np.uint8]) -> None:
    result = run(steps(max_regions=1), image=scene, regions=[[0, 0, 9, 9], [0, 0, 9, 9]])

    assert result["regions"] == [Region(0, 0, 9, 9), None]


def test_regions_are_in_pixels_of_the_upright_picture(run: Any) -> None:
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(file, "PNG", exif=exif)

    assert run(steps(), image=file.getvalue(), regions=[[0, 30, 20, 40]])["regions"] == [Region(0, 30, 20, 40)]


def test_the_options_reach_the_reader(run: Any) -> None:
    clear = Image.new("RGBA", (4, 4), (0, 0, 0, 0))

    assert run(steps(background=(1, 2, 3)), image=clear)["picture"][0, 0].tolist() == [1, 2, 3]
    with pytest.raises(InvalidInputError, match="the limit is 15"):
        run(steps(max_pixels=15), image=clear)


def test_a_caller_over_http_gives_the_picture_as_a_file_and_regions_as_json() -> None:
    forms = steps()["load_image"].input_forms

    assert (forms["image"].kind, forms["image"].media_type, forms["regions"].kind) == ("file", "image/*", "json")
    assert forms["regions"].schema["type"] == "array"


def test_the_pixels_of_a_picture_are_counted_without_decoding_it(scene: NDArray[np.uint8]) -> None:
    stream = io.BytesIO()
    Image.fromarray(scene).save(stream, "BMP")
    count_pixels = steps()["load_image"].input_forms["image"].count_pixels
    assert count_pixels is not None

    assert count_pixels(stream.getvalue()) == scene.shape[0] * scene.shape[1]
    with pytest.raises(InvalidInputError, match="not a picture"):
        count_pixels(b"no picture at all")


def test_the_values_of_a_run_are_drawn_as_png(run: Any, photo: Path) -> None:
    result = run(steps(), image=photo, regions=[[5, 5, 60, 60]])

    drawn = steps()["load_image"].draw(result)

    assert drawn is not None
    found = np.asarray(Image.open(io.BytesIO(drawn)))
    bare = np.asarray(Image.open(io.BytesIO(steps()["load_image"].draw({**result, "regions": []}) or b"")))
    assert found.shape == bare.shape
    assert (found != bare).any()


def test_a_region_in_json_is_a_region_that_can_be_given(run: Any, photo: Path) -> None:
    regions = run(steps(), image=photo, regions=[{"box": [1, 2, 30, 40], "label": "cup"}, [0, 0, 9, 9]])["regions"]

    written = [region.__json__() for region in regions]

    assert written == [{"box": [1, 2, 30, 40], "label": "cup"}, {"box": [0, 0, 9, 9]}]
    assert run(steps(), image=photo, regions=written)["regions"] == regions
