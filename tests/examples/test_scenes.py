"""The drawn scenes, their texts and crops."""

import json
from itertools import pairwise

import numpy as np
import pytest
from examples.training import crops, held_out, language, seeds
from examples.training.scenes import draw_scene
from PIL import Image

SEEDS = range(500_000, 500_020)


def test_the_same_seed_draws_the_same_scene() -> None:
    first, again = draw_scene(7), draw_scene(7)

    assert np.array_equal(first.pixels, again.pixels)
    assert [item.box for item in first.objects] == [item.box for item in again.objects]


def test_another_seed_draws_another_scene() -> None:
    assert draw_scene(7).pixels.tobytes() != draw_scene(8).pixels.tobytes()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_mask_touches_every_side_of_its_box_and_nothing_beyond(seed: int) -> None:
    for item in draw_scene(seed).objects:
        left, top, right, bottom = item.box

        inside = item.mask[top:bottom, left:right]

        assert inside.sum() == item.mask.sum() > 0
        assert all(side.any() for side in (inside[0], inside[-1], inside[:, 0], inside[:, -1]))


@pytest.mark.parametrize("seed", SEEDS)
def test_masks_do_not_overlap(seed: int) -> None:
    assert np.sum([item.mask for item in draw_scene(seed).objects], axis=0).max() == 1


def test_the_ranges_of_seeds_are_disjoint() -> None:
    ranges = sorted((seeds.TRAINING, seeds.HELD_OUT, seeds.DEMO), key=lambda seeds_of_one: seeds_of_one.start)

    assert all(one.stop <= other.start for one, other in pairwise(ranges))


def test_the_first_named_object_is_the_left_or_the_upper_one() -> None:
    scene = draw_scene(500_100, count=2)
    words = language.caption(scene)
    axis = 0 if "left of" in words else 1

    first = min(scene.objects, key=lambda item: item.center[axis])

    assert words.startswith(language.name(first))


def test_every_sentence_consists_of_known_words() -> None:
    rng = np.random.default_rng(0)
    for seed in SEEDS:
        scene = draw_scene(seed)
        for text in (*language.scene_question(rng, scene), *language.crop_question(rng, scene.objects[0])):
            assert set(text.replace("?", " ?").split()) <= set(language.WORDS)


def test_a_margin_at_the_edge_is_clipped_to_the_picture() -> None:
    assert crops.add_margin((0, 5, 100, 55), (105, 200)) == (0, 0, 105, 65)


def test_true_logits_are_pasted_as_the_true_mask() -> None:
    case = held_out.mask_cases(1)[0]
    left, top, right, bottom = crops.add_margin(case.box, case.picture.size)
    logits = np.where(case.expected[top:bottom, left:right], 1, -1).astype(np.float32)

    found = crops.paste_mask(logits, case.box, case.picture.size)

    assert held_out.iou(found, case.expected) == 1


def test_the_score_is_1_for_correct_texts_and_0_for_wrong_ones() -> None:
    cases = held_out.crop_cases(3)
    right = {(case.picture.tobytes(), case.box): case.expected for case in cases}

    assert held_out.caption_score(cases, lambda picture, box: right[picture.tobytes(), box]) == 1
    assert held_out.caption_score(cases, lambda picture, box: "a gray cloud") == 0


def test_every_demo_picture_has_regions_inside_it(pictures) -> None:
    paths = [path for path in pictures.iterdir() if path.suffix in {".png", ".jpg"}]

    assert len(paths) == 6
    for path in paths:
        with Image.open(path) as picture:
            width, height = picture.size
        regions = json.loads(path.with_suffix(".regions.json").read_text(encoding="utf-8"))["regions"]
        assert 3 <= len(regions) <= 5
        for left, top, right, bottom in (region["box"] for region in regions):
            assert 0 <= left < right <= width
            assert 0 <= top < bottom <= height
