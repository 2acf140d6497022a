"""The settings of an image processor, with an account of the keys that were read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from turnout.errors import ConfigurationError

# They say who wrote the file, concern labels and other inputs than the picture, or how tensors are returned.
WITHOUT_PIXELS = frozenset(
    {
        "_commit_hash",
        "_name_or_path",
        "_processor_class",
        "_valid_processor_keys",
        "device",
        "disable_grouping",
        "do_convert_annotations",
        # load_image gives RGB.
        "do_convert_rgb",
        "do_reduce_labels",
        "feature_extractor_type",
        "format",
        "ignore_index",
        "image_processor_type",
        "image_seq_length",
        "input_data_format",
        "num_labels",
        "processor_class",
        "reduce_labels",
        "return_tensors",
        "transformers_version",
    }
)
# What transformers reads from a file that has an older name for a setting is not known here: the new name must be written.
_OLD_NAMES = {
    "max_size": "size: {shortest_edge: ..., longest_edge: ...}",
    "pad_and_return_pixel_mask": "do_pad",
    "rescale": "do_rescale",
}


class Settings:
    """The content of a ``preprocessor_config.json``; a key that is absent or null has the default of its image processor.

    Used by one thread.

    Attributes:
        kind: the image processor, such as ``CLIPImageProcessor``; None if the file names none.
        where: the file, in messages.
    """

    def __init__(self, config: Mapping[str, Any], defaults: Mapping[str, Any], *, kind: str | None, where: str) -> None:
        self._given = {key: value for key, value in config.items() if value is not None}
        self._defaults = defaults
        self._read: set[str] = set()
        self.kind = kind
        self.where = where

    def value(self, key: str) -> Any:
        """Return the value of ``key``, or its default, or None; the key counts as read."""
        self._read.add(key)
        return self._given.get(key, self._defaults.get(key))

    def assume(self, key: str, value: object) -> None:
        """Set the value of ``key`` as if the file had it."""
        self._given[key] = value

    def switch(self, key: str) -> bool:
        """Return the value of ``key``, true or false.

        Raises:
            ConfigurationError: it is neither.
        """
        value = self.value(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        raise self.error(key, "write true or false")

    def number(self, key: str) -> float:
        """Return the value of ``key``, a number above 0.

        Raises:
            ConfigurationError: it is something else.
        """
        value = self.value(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            return float(value)
        raise self.error(key, "write a number above 0")

    def whole_number(self, key: str) -> int:
        """Return the value of ``key``, a whole number above 0. Raises as ``number``."""
        value = self.number(key)
        if value != int(value):
            raise self.error(key, "write a whole number")
        return int(value)

    def check_all_read(self) -> None:
        """Raise ConfigurationError if a key was not read that could change pixels.

        A switch that is off changes none in any image processor.
        """
        for key, value in self._given.items():
            harmless = key in WITHOUT_PIXELS or (key.startswith("do_") and value is False)
            # The layout of the result; ours is the one that is usual.
            harmless |= key == "data_format" and value == "channels_first"
            if key not in self._read and not harmless:
                advice = f"write {_OLD_NAMES[key]} instead" if key in _OLD_NAMES else "remove it if it changes no pixels"
                readers = f" of {self.kind}" if self.kind else ""
                raise self.error(key, f"this setting{readers} is not supported: {advice}, or name another `processor:`")

    def error(self, key: str, advice: str) -> ConfigurationError:
        """Return an error about the value of ``key``."""
        return ConfigurationError(f"{self.where}: {key} is {self.value(key)!r}; {advice}")
