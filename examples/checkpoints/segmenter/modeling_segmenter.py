"""A small segmenter with BiRefNet's contract: its output is a list whose last element is one map of logits."""

from __future__ import annotations

import torch
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel


class SegmenterConfig(PreTrainedConfig):
    """``channels`` of the four levels, from half the input's resolution down to a sixteenth."""

    model_type = "scene_segmenter"

    def __init__(self, channels: tuple[int, ...] = (16, 32, 40, 48), **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.channels = list(channels)


def block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Return a 3x3 convolution with its normalization and activation."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


class Rise(nn.Module):
    """Resizes a coarse map to the size of a finer one and merges the two."""

    def __init__(self, coarse: int, fine: int) -> None:
        super().__init__()
        self.fit = nn.Conv2d(coarse, fine, 1)
        self.join = block(fine, fine)

    def forward(self, coarse: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
        return self.join(fine + resize(self.fit(coarse), fine))


def resize(maps: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Return ``maps`` at the height and width of ``like``, bilinear."""
    return nn.functional.interpolate(maps, size=like.shape[-2:], mode="bilinear", align_corners=False)


class SegmenterForImageSegmentation(PreTrainedModel):
    """``x`` FP32 [B, 3, H, W] -> [logits], FP32 [B, 1, H, W]; ``model(x)[-1].sigmoid()`` is the mask."""

    config_class = SegmenterConfig
    main_input_name = "x"

    def __init__(self, config: SegmenterConfig) -> None:
        super().__init__(config)
        first, second, third, fourth = config.channels
        self.down1 = block(3, first, stride=2)
        self.down2 = nn.Sequential(block(first, second, stride=2), block(second, second))
        self.down3 = nn.Sequential(block(second, third, stride=2), block(third, third))
        self.down4 = nn.Sequential(block(third, fourth, stride=2), block(fourth, fourth))
        self.rise3 = Rise(fourth, third)
        self.rise2 = Rise(third, second)
        self.rise1 = Rise(second, first)
        self.head = nn.Conv2d(first, 1, 3, padding=1)
        self.post_init()

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return a list of one map of logits at the input's resolution."""
        half = self.down1(x)
        quarter = self.down2(half)
        eighth = self.down3(quarter)
        coarse = self.down4(eighth)
        maps = self.rise1(self.rise2(self.rise3(coarse, eighth), quarter), half)
        return [resize(self.head(maps), x)]
