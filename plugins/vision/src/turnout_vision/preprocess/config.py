"""From the content of a ``preprocessor_config.json`` to an image preprocessor."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from turnout.errors import ConfigurationError
from turnout_vision.preprocess.kinds import KINDS, UNNAMED
from turnout_vision.preprocess.patches import PatchPreprocessor
from turnout_vision.preprocess.preprocessor import ImagePreprocessor
from turnout_vision.preprocess.refusals import REFUSALS
from turnout_vision.preprocess.settings import Settings


def preprocessor_of(config: Mapping[str, Any], where: str) -> ImagePreprocessor:
    """Return the preprocessor that ``config``, the content of a ``preprocessor_config.json``, describes.

    Every key is read, or known to change no pixels, or refused.

    Raises:
        ConfigurationError: ``config`` is incomplete, has an image processor or a setting that is not supported, or makes no
            pixel values.
    """
    preprocessor = any_preprocessor_of(config, where)
    if isinstance(preprocessor, PatchPreprocessor):
        raise ConfigurationError(
            f"{where}: the image processor is {_given_name(config)!r}, and only the steps `caption` and `answer` send its "
            "patches; use one of these"
        )
    return preprocessor


def any_preprocessor_of(config: Mapping[str, Any], where: str) -> ImagePreprocessor | PatchPreprocessor:
    """Return the preprocessor that ``config`` describes, of pixel values or of patches.

    Raises:
        ConfigurationError: ``config`` is incomplete, or has an image processor or a setting that is not supported.
    """
    name = _read_name(config, where)
    kind = KINDS[name] if name else UNNAMED
    settings = Settings(config, kind.defaults, kind=name, where=where)
    settings.value("default_to_square")
    preprocessor = kind.recipe(settings)
    settings.check_all_read()
    return preprocessor


def _given_name(config: Mapping[str, Any]) -> Any:
    return config.get("image_processor_type") or config.get("feature_extractor_type")


def _read_name(config: Mapping[str, Any], where: str) -> str | None:
    """Return the name of the image processor without the suffixes that versions of transformers gave it."""
    given = _given_name(config)
    if given is None:
        return None
    name = str(given).removesuffix("Pil").removesuffix("Fast")
    if name.endswith("FeatureExtractor"):
        name = name.removesuffix("FeatureExtractor") + "ImageProcessor"
    if name in KINDS:
        return name
    raise ConfigurationError(f"{where}: the image processor is {given!r}, which is not supported{_explain(name)}")


def _explain(name: str) -> str:
    if name in REFUSALS:
        return (
            f": {REFUSALS[name]}. If a preparation of another kind fits your model, write it in the step, such as `prepare: "
            "{size: [224, 224], mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]}`"
        )
    guess = get_close_matches(name, KINDS, 1)
    question = f" Did you mean {guess[0]!r}?" if guess else ""
    return (
        f".{question} docs/reference/image-processors.md lists the {len(KINDS)} that are. "
        "If it does the same as one of these, copy the file into a folder, change image_processor_type there, and write "
        "`processor:` with the folder"
    )
