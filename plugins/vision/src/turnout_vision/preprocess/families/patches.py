"""Image processors of models that read patches instead of pixel values."""

from __future__ import annotations

from collections.abc import Mapping

from turnout_vision.preprocess.families.kind import Kind
from turnout_vision.preprocess.geometry import MAX_RESIZED
from turnout_vision.preprocess.patches import PatchPreprocessor
from turnout_vision.preprocess.readers import pass_over, read_box
from turnout_vision.preprocess.settings import Settings


def make_pix2struct(settings: Settings) -> PatchPreprocessor:
    """Return the preprocessor of Pix2Struct, whose sizes and numbers are its own."""
    pass_over(settings, *_WITHOUT_EFFECT)
    height, width = read_box(settings, "patch_size")
    count = settings.whole_number("max_patches")
    if count * height * width > MAX_RESIZED:
        raise settings.error("max_patches", f"at most {MAX_RESIZED // (height * width)} patches of this size are supported")
    return PatchPreprocessor(count, height, width, settings.switch("do_normalize"), settings.switch("is_vqa"))


# transformers reads these of every image processor, and this one uses none of them.
_WITHOUT_EFFECT = (
    *("do_resize", "size", "default_to_square", "resample", "do_center_crop", "crop_size", "do_pad", "pad_size"),
    *("do_rescale", "rescale_factor", "image_mean", "image_std"),
)

KINDS: Mapping[str, Kind] = {
    "Pix2StructImageProcessor": Kind(
        make_pix2struct,
        {"do_normalize": True, "patch_size": {"height": 16, "width": 16}, "max_patches": 2048, "is_vqa": False},
        exact=False,
    ),
}
