"""Sizes to prove a model with: those of its free axes, from small and odd ones to large ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from turnout.inference import ModelSignature
from turnout.tensors import TensorSpec

PICTURES = ((64, 64), (96, 160), (160, 96), (97, 131), (224, 224), (256, 320), (480, 640), (640, 480), (800, 1088))
LENGTHS = (1, 2, 3, 5, 7, 12, 16, 33, 64)

Sizes = Mapping[str, Sequence[int]]


def size_ladder(signature: ModelSignature, rows: int) -> Iterator[Sizes]:
    """Yield sizes after the batch axis for the inputs of ``signature`` with free axes, small ones first; none without such."""
    free = [spec for spec in signature.inputs if spec.shape is not None and -1 in _own(spec, rows)]
    if not free:
        return
    is_picture = {spec.name: len(_own(spec, rows)) >= 3 for spec in free}
    for rung in range(len(PICTURES) if any(is_picture.values()) else len(LENGTHS)):
        length, picture = LENGTHS[min(rung, len(LENGTHS) - 1)], PICTURES[min(rung, len(PICTURES) - 1)]
        yield {
            spec.name: _picture(_own(spec, rows), picture) if is_picture[spec.name] else _lengths(_own(spec, rows), length)
            for spec in free
        }


def has_batch_axis(signature: ModelSignature) -> bool:
    """Return whether every input is [-1, ...] and one of them a picture: a batch though ``max_batch_size`` is 0."""
    shapes = [spec.shape or () for spec in signature.inputs]
    return bool(shapes) and all(shape[:1] == (-1,) for shape in shapes) and any(len(shape) > 3 for shape in shapes)


def written(sizes: Sizes) -> str:
    """Return sizes in one line, such as ``pixel_values 3x480x640``."""
    return ", ".join(f"{name} {'x'.join(map(str, one))}" for name, one in sizes.items())


def _own(spec: TensorSpec, rows: int) -> tuple[int, ...]:
    return (spec.shape or ())[1 if rows else 0 :]


def _picture(sizes: Sequence[int], picture: tuple[int, int]) -> tuple[int, ...]:
    """Return a picture's sizes in place of the free ones: of [channels, height, width], or of [height, width, channels]."""
    channels_last = sizes[-1] in (1, 3, 4)
    chosen = (*([3] * (len(sizes) - 3)), *picture, 3) if channels_last else (*([3] * (len(sizes) - 2)), *picture)
    return tuple(given if given != -1 else own for given, own in zip(sizes, chosen, strict=True))


def _lengths(sizes: Sequence[int], length: int) -> tuple[int, ...]:
    return tuple(size if size != -1 else length for size in sizes)
