"""Example pictures for the graph of ``generate()``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.tensors import TensorSpec
from turnout_direct.export.traceable import FREE_IMAGE_SIZE, sizes_of

if TYPE_CHECKING:
    import torch

    Tensors = tuple[torch.Tensor, ...]


def example_pictures(specs: tuple[TensorSpec, ...], rows: int, free: int, random: torch.Generator) -> Tensors:
    """Return random inputs for ``specs``, the picture and what belongs to it; ``free`` is the length of free sequences."""
    import torch

    first, *others = specs
    shape = sizes_of(first)[1:]
    if len(shape) > 2:
        picture = torch.randn(rows, *(FREE_IMAGE_SIZE if size == -1 else size for size in shape), generator=random)
        return (picture, *_instructions(others, rows, free, random))
    count = next((size for size in (shape[0], sizes_of(others[0])[1]) if size != -1), free)
    return _patches(rows, count, shape[1], random)


def _patches(rows: int, count: int, size: int, random: torch.Generator) -> Tensors:
    """Return patches of pictures with two columns, and their mask; each row has fewer than the one before."""
    import torch

    places = torch.arange(count)
    mask = places < (count - torch.arange(rows) % max(1, count - 1))[:, None]
    patches = torch.randn(rows, count, size, generator=random)
    patches[:, :, 0], patches[:, :, 1] = places // 2 + 1, places % 2 + 1
    return patches * mask[:, :, None], mask.float()


def _instructions(specs: list[TensorSpec], rows: int, free: int, random: torch.Generator) -> Tensors:
    """Return tokens and mask of the instruction that a Q-Former reads; none for other models."""
    import torch

    if not specs:
        return ()
    width = next((size for size in (sizes_of(spec)[1] for spec in specs) if size != -1), free)
    mask = torch.arange(width) < (width - torch.arange(rows) % width)[:, None]
    # Any vocabulary has these tokens.
    return torch.randint(0, 20, (rows, width), generator=random) * mask, mask.long()
