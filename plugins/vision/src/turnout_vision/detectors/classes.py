"""Classes: the names of those that a detector knows, and the choice of those that are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from turnout.errors import ConfigurationError, InferenceError, unknown_name
from turnout_vision.detectors.detections import Detections
from turnout_vision.labels.checkpoint_labels import unnamed_label


@dataclass(frozen=True, slots=True)
class DetectorClasses:
    """The classes of the detector ``model``.

    Attributes:
        labels: their names by index; empty if they have none.
        given: True if turnout.yaml gives the names, which must be as many as the model has classes.
        kept: the indexes of the classes to keep; None keeps all.
    """

    model: str
    labels: tuple[str, ...]
    given: bool
    kept: frozenset[int] | None

    def select(self, found: Detections) -> Detections:
        """Return those of ``found`` whose class is kept.

        Raises:
            InferenceError: the model does not have as many classes as there are names.
        """
        count = found.class_count
        if self.given and count is not None and count != len(self.labels):
            raise InferenceError(
                f"model {self.model!r} has {count} classes, and `labels:` has {len(self.labels)} names; write one a class, in "
                "the model's order"
            )
        return found if self.kept is None else found.take(np.isin(found.classes, sorted(self.kept)))

    def name(self, index: int) -> str:
        """Return the name of class ``index``."""
        return self.labels[index] if 0 <= index < len(self.labels) else unnamed_label(index)


def choose_classes(wanted: Sequence[str | int] | None, labels: Sequence[str], where: str) -> frozenset[int] | None:
    """Return the indexes of the ``wanted`` classes, names of ``labels`` or indexes; None for all.

    Raises:
        ConfigurationError: the classes have no names, or fewer than an index of ``wanted``.
        UnknownNameError: no class has one of the names.
    """
    if wanted is None:
        return None
    return frozenset(index for each in wanted for index in _find(each, labels, where))


def _find(wanted: str | int, labels: Sequence[str], where: str) -> list[int]:
    if isinstance(wanted, int):
        if labels and wanted >= len(labels):
            raise ConfigurationError(f"{where}: classes has the index {wanted}; the model has {len(labels)} classes, from 0")
        return [wanted]
    if not labels:
        raise ConfigurationError(
            f"{where}: classes has {wanted!r}, and the classes of the model have no names; write their indexes, or `labels:`"
        )
    found = [index for index, label in enumerate(labels) if label == wanted]
    if not found:
        raise unknown_name("class", wanted, labels, f"In {where}.")
    return found
