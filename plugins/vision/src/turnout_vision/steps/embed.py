"""The step ``embed``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from turnout import InferenceResponse, StepDeclaration
from turnout_vision.options.embed import EmbedOptions
from turnout_vision.steps.model_output import read_output
from turnout_vision.steps.picture_step import PictureStep
from turnout_vision.vectors.pooling import normalize, pool

# CLIP's projected vector comes before its pooled one. With ``pool`` the tokens are read.
_VECTORS = ("image_embeds", "pooler_output")
_TOKENS = ("last_hidden_state",)


class Embed(PictureStep):
    """Writes ``embedding``, FP32 [dimensions], of length 1; with ``on: regions`` ``embeddings``, one a region.

    A request is ``pixel_values`` FP32 [1, 3, height, width]; a response has ``image_embeds`` or ``pooler_output`` FP32
    [1, dimensions], or with ``pool`` ``last_hidden_state`` FP32 [1, tokens, dimensions].
    """

    def __init__(self, declaration: StepDeclaration, options: EmbedOptions) -> None:
        super().__init__(declaration, options, one="embedding", many="embeddings")
        self._options = options

    def read(self, response: InferenceResponse) -> NDArray[np.float32]:
        options = self._options
        usual = _TOKENS if options.pool else _VECTORS
        values = read_output(response, options.output, usual, model=options.model, holds="the features")
        vector = pool(values, options.pool, options.prefix_tokens, model=options.model)
        # A copy, so that the response's arrays do not live as long as the vector.
        return normalize(vector, model=options.model) if options.normalize else vector.copy()
