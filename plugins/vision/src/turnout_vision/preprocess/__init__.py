"""Image preprocessing: from RGB pixels to ``pixel_values``, as a checkpoint's image processor in transformers does it."""

from turnout_vision.preprocess.config import preprocessor_of
from turnout_vision.preprocess.from_options import preprocessor_from
from turnout_vision.preprocess.preprocessor import BIREFNET, ImagePreprocessor

__all__ = ["BIREFNET", "ImagePreprocessor", "preprocessor_from", "preprocessor_of"]
