"""The values that differ between two results of a pipeline."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout_web.pipelines.masks import is_mask, mask_alone
from turnout_web.pipelines.values import ValueWriter

# Two runtimes round differently; what a person sees is the same within these.
RELATIVE, ABSOLUTE = 1e-3, 1e-5
# A list of many numbers that all differ is one finding for a person.
MOST_LISTED = 200
Path = tuple[str | int, ...]

_WRITER = ValueWriter(mask_alone)
_PRIMITIVE = str | int | float | bool | None
_ABSENT = object()


@dataclass(slots=True)
class Differences:
    """The differences that were found.

    Attributes:
        listed: one record for each, in types of JSON; ``MOST_LISTED`` at most.
        different: how many there are.
        compared: how many values were compared.
    """

    listed: list[dict[str, Any]] = field(default_factory=list)
    different: int = 0
    compared: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return everything in types of JSON."""
        return {"differences": self.listed, "different": self.different, "compared": self.compared}

    def add(self, path: Path, kind: str, left: Any, right: Any, **facts: Any) -> None:
        """Record that the values at ``path`` differ."""
        self.different += 1
        if len(self.listed) < MOST_LISTED:
            sides = {
                "left": None if left is _ABSENT else _WRITER.write(left),
                "right": None if right is _ABSENT else _WRITER.write(right),
            }
            self.listed.append({"path": list(path), "kind": kind, **sides, **facts})

    def compare(self, path: Path, left: Any, right: Any) -> None:
        """Compare two values, and what is in them."""
        if is_mask(left) and is_mask(right):
            self._compare_masks(path, left, right)
        elif isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
            self._compare_arrays(path, left, right)
        elif isinstance(left, Mapping) and isinstance(right, Mapping):
            for key in dict.fromkeys([*left, *right]):
                self.compare((*path, str(key)), left.get(key, _ABSENT), right.get(key, _ABSENT))
        elif isinstance(left, list | tuple) and isinstance(right, list | tuple):
            self._compare_lists(path, left, right)
        elif isinstance(left, _PRIMITIVE) and isinstance(right, _PRIMITIVE):
            self._compare_primitives(path, left, right)
        elif left is _ABSENT or right is _ABSENT or isinstance(left, _PRIMITIVE) or isinstance(right, _PRIMITIVE):
            self.compared += 1
            self.add(path, "missing", left, right)
        else:
            self.compare(path, _WRITER.write(left), _WRITER.write(right))

    def _compare_lists(self, path: Path, left: Any, right: Any) -> None:
        if len(left) != len(right):
            self.compared += 1
            self.add(path, "shape", f"{len(left)} items", f"{len(right)} items")
        for index, pair in enumerate(zip(left, right, strict=False)):
            self.compare((*path, index), *pair)

    def _compare_masks(self, path: Path, left: NDArray[np.bool_], right: NDArray[np.bool_]) -> None:
        self.compared += 1
        if left.shape != right.shape:
            self.add(path, "shape", str(left.shape), str(right.shape))
        elif pixels := int(np.count_nonzero(left != right)):
            union = int(np.count_nonzero(left | right))
            overlap = int(np.count_nonzero(left & right)) / union
            self.add(path, "mask", left, right, pixels=pixels, of=left.size, overlap=overlap)

    def _compare_arrays(self, path: Path, left: NDArray[Any], right: NDArray[Any]) -> None:
        self.compared += 1
        if left.shape != right.shape or left.dtype.kind != right.dtype.kind:
            self.add(path, "shape", f"{left.dtype} {list(left.shape)}", f"{right.dtype} {list(right.shape)}")
        elif left.dtype.kind in "iufb":
            one, other = left.astype(np.float64), right.astype(np.float64)
            close = np.isclose(one, other, RELATIVE, ABSOLUTE, equal_nan=True)
            if not close.all():
                differing = int(np.count_nonzero(~close))
                largest = float(np.nanmax(np.abs(one - other)[~close], initial=0.0))
                self.add(path, "array", left, right, elements=differing, of=left.size, difference=largest)
        elif not np.array_equal(left, right):
            self.add(path, "value", left, right)

    def _compare_primitives(self, path: Path, left: Any, right: Any) -> None:
        self.compared += 1
        numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (left, right))
        if numbers:
            if not (math.isclose(left, right, rel_tol=RELATIVE, abs_tol=ABSOLUTE) or (math.isnan(left) and math.isnan(right))):
                self.add(path, "number", left, right, difference=_finite(abs(left - right)))
        elif type(left) is not type(right) or left != right:
            texts = isinstance(left, str) and isinstance(right, str)
            kind = "missing" if left is None or right is None else "text" if texts else "value"
            self.add(path, kind, left, right)


def find_differences(left: Mapping[str, Any], right: Mapping[str, Any], names: Iterable[str]) -> Differences:
    """Return the differences between the values called ``names`` of two results."""
    found = Differences()
    for name in names:
        if name in left or name in right:
            found.compare((name,), left.get(name, _ABSENT), right.get(name, _ABSENT))
    return found


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
