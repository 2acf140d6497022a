"""Image processors that resize, crop, scale and normalize, without anything of their own."""

from __future__ import annotations

from collections.abc import Mapping

from turnout_vision.preprocess.families.kind import (
    BICUBIC,
    BILINEAR,
    CLIP,
    CLIP_224,
    EDGE,
    HALF,
    IMAGENET,
    LANCZOS,
    MOBILENET,
    SQUARE,
    VALUES,
    VIT_224,
    Kind,
    box,
    crop,
    crop_size,
    edge,
)
from turnout_vision.preprocess.preprocessor import ImagePreprocessor
from turnout_vision.preprocess.readers import (
    expand_size,
    pass_over,
    read_crop,
    read_padding,
    read_resizing,
    read_scaling,
    refuse_switch,
)
from turnout_vision.preprocess.settings import Settings


def make_standard(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of most image processors: resize, crop, rescale, normalize, pad."""
    geometry = (*read_resizing(settings), *read_crop(settings))
    return ImagePreprocessor(geometry, read_scaling(settings), read_padding(settings))


def make_unpadded(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of an image processor that never pads."""
    return ImagePreprocessor((*read_resizing(settings), *read_crop(settings)), read_scaling(settings))


def make_uncropped(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of an image processor that neither crops nor pads."""
    return ImagePreprocessor(tuple(read_resizing(settings)), read_scaling(settings))


def make_got_ocr2(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of GOT-OCR 2 and InternVL, which may cut pictures into tiles, and does not here."""
    refuse_switch(settings, "crop_to_patches", "it cuts a picture into a varying number of tiles; write false")
    pass_over(settings, "min_patches", "max_patches")
    return make_uncropped(settings)


def make_ovis2(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of Ovis 2, which may cut pictures into tiles, and does not here."""
    refuse_switch(settings, "crop_to_patches", "it cuts a picture into a varying number of tiles; write false")
    pass_over(settings, "min_patches", "max_patches", "use_covering_area_grid")
    return make_unpadded(settings)


def make_gemma3(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of Gemma 3, which may pan over a picture, and does not here."""
    refuse_switch(settings, "do_pan_and_scan", "it adds a varying number of crops; write false")
    pass_over(settings, "pan_and_scan_min_crop_size", "pan_and_scan_max_num_crops", "pan_and_scan_min_ratio_to_activate")
    return make_uncropped(settings)


def make_image_gpt(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of ImageGPT without its colors as tokens."""
    refuse_switch(settings, "do_color_quantize", "it makes tokens of colors instead of pixel values; write false")
    pass_over(settings, "clusters")
    return make_uncropped(settings)


def make_video_llava(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of Video-LLaVA's pictures."""
    if settings.switch("do_resize") and set(expand_size(settings)) not in ({"shortest_edge"}, {"height", "width"}):
        raise settings.error("size", "this is not supported; write {'shortest_edge': S} or {'height': H, 'width': W}")
    return make_unpadded(settings)


def make_flava(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of FLAVA's encoder; its codebook and masks are for training."""
    for key in ("return_codebook_pixels", "return_image_mask"):
        refuse_switch(settings, key, "it adds tensors for training; write false")
    pass_over(settings, "input_size_patches", "total_mask_patches", *(f"mask_group_{key}" for key in _FLAVA_MASKS))
    pass_over(settings, *(f"codebook_{key}" for key in _FLAVA_CODEBOOK))
    return make_unpadded(settings)


def make_idefics(settings: Settings) -> ImagePreprocessor:
    """Return the preprocessor of IDEFICS, whose ``image_size`` is a square that replaces ``size``."""
    pass_over(settings, "image_num_channels")
    if settings.value("image_size") is not None:
        settings.assume("size", {"height": settings.value("image_size"), "width": settings.value("image_size")})
    return make_standard(settings)


_FLAVA_MASKS = ("min_patches", "max_patches", "min_aspect_ratio", "max_aspect_ratio")
_FLAVA_CODEBOOK = (
    "do_resize",
    "size",
    "resample",
    "do_center_crop",
    "crop_size",
    "do_rescale",
    "rescale_factor",
    "do_map_pixels",
    "do_normalize",
    "image_mean",
    "image_std",
)

_STANDARD = {
    "BitImageProcessor": CLIP_224,
    "BlipImageProcessor": {**SQUARE, **box(384, 384), **BICUBIC, **VALUES, **CLIP},
    "ChameleonImageProcessor": {
        **EDGE,
        **edge(512),
        **LANCZOS,
        **crop(512),
        **VALUES,
        "rescale_factor": 0.0078,
        "image_mean": (1.0, 1.0, 1.0),
        "image_std": (1.0, 1.0, 1.0),
    },
    "ChineseCLIPImageProcessor": CLIP_224,
    "CLIPImageProcessor": CLIP_224,
    "DeiTImageProcessor": {**SQUARE, **box(256, 256), **BICUBIC, **crop(224), **VALUES, **HALF},
    "MobileNetV1ImageProcessor": MOBILENET,
    "OwlViTImageProcessor": {**SQUARE, **box(768, 768), **BICUBIC, **crop_size(768), **VALUES, **CLIP},
    "PPChart2TableImageProcessor": {**SQUARE, **box(1024, 1024), **BICUBIC, **VALUES, **CLIP},
    "PvtImageProcessor": {**VIT_224, **BICUBIC, **IMAGENET},
    "SiglipImageProcessor": {**EDGE, **box(224, 224), **BICUBIC, **VALUES, **HALF},
    "ViTImageProcessor": {**VIT_224, **BILINEAR, **HALF},
}
_UNTILED = {**SQUARE, **box(384, 384), **BICUBIC, **VALUES, **CLIP}

KINDS: Mapping[str, Kind] = {
    **{name: Kind(make_standard, defaults) for name, defaults in _STANDARD.items()},
    "BeitImageProcessor": Kind(make_unpadded, {**VIT_224, **BICUBIC, **crop_size(224), **HALF}),
    "FlavaImageProcessor": Kind(make_flava, {**VIT_224, **BICUBIC, **crop(224), **CLIP}),
    "Gemma3ImageProcessor": Kind(make_gemma3, {**VIT_224, **BILINEAR, **HALF}),
    "GotOcr2ImageProcessor": Kind(make_got_ocr2, _UNTILED),
    "IdeficsImageProcessor": Kind(make_idefics, {**VIT_224, **BICUBIC, **CLIP}),
    "ImageGPTImageProcessor": Kind(
        make_image_gpt, {**SQUARE, **box(256, 256), **BILINEAR, **VALUES, **HALF, "do_color_quantize": True}
    ),
    "MobileNetV2ImageProcessor": Kind(make_unpadded, MOBILENET),
    "Ovis2ImageProcessor": Kind(make_ovis2, _UNTILED),
    "VideoLlavaImageProcessor": Kind(make_video_llava, CLIP_224),
}
