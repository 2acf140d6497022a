"""How well texts describe a picture: the scale and bias of their similarity."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray

from turnout.errors import ConfigurationError, InferenceError
from turnout_vision.checkpoints.checkpoint import Checkpoint
from turnout_vision.checkpoints.weights import read_number

# exp of more is no similarity; CLIP clips its own at 100.
_MOST = 50.0


@dataclass(frozen=True, slots=True)
class Similarity:
    """Computes logits from vectors of length 1.

    Attributes:
        scale: the factor of the cosine.
        bias: added to it.
    """

    scale: float
    bias: float

    def logits(self, texts: NDArray[np.float32], picture: NDArray[np.float32], *, model: str) -> NDArray[np.float64]:
        """Return the logit of each of ``texts`` [n, dimensions] for ``picture`` [dimensions].

        Raises:
            InferenceError: they have different numbers of dimensions.
        """
        if texts.shape[1] != picture.shape[0]:
            raise InferenceError(
                f"the picture's vector has {picture.shape[0]} dimensions and the texts' of model {model!r} {texts.shape[1]}: "
                "they are not of one checkpoint, or not the projected ones; check `output:` of both steps"
            )
        return np.asarray(texts.astype(np.float64) @ picture.astype(np.float64) * self.scale + self.bias)


def read_similarity(checkpoint: Checkpoint, scale: float | None, bias: float | None) -> Similarity:
    """Return the similarity of ``checkpoint``; ``scale`` and ``bias`` replace its own. May block on the hub.

    Raises:
        ConfigurationError: the checkpoint has no ``logit_scale``, or its weights cannot be read.
    """
    if scale is not None:
        # Who writes one of them has both: the weights are not read for a bias that may not exist.
        return Similarity(scale, bias or 0.0)
    power = read_number(checkpoint, "logit_scale")
    if power is None:
        raise ConfigurationError(
            f"checkpoint {checkpoint.name!r} has no weight logit_scale; write `scale:`, or name the whole model with "
            "`processor:`"
        )
    if not power <= _MOST:
        raise ConfigurationError(f"checkpoint {checkpoint.name!r} has the logit_scale {power}; write `scale:`")
    own = read_number(checkpoint, "logit_bias") if bias is None else bias
    return Similarity(exp(power), own or 0.0)
