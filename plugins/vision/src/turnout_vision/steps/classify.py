"""The step ``classify``."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from turnout import InferenceResponse, StepDeclaration
from turnout.errors import InferenceError
from turnout.tensors import describe
from turnout_vision.labels.checkpoint_labels import checkpoint_labels, unnamed_label
from turnout_vision.labels.given_labels import read_given_labels
from turnout_vision.labels.label import Label
from turnout_vision.labels.problem_type import score_function
from turnout_vision.labels.ranking import best_labels
from turnout_vision.labels.scores import FUNCTIONS, check_logits
from turnout_vision.options.labels import ClassifyOptions
from turnout_vision.steps.model_output import read_output
from turnout_vision.steps.picture_step import PictureStep


class Classify(PictureStep):
    """Writes ``classification``, a list of Label, best first; with ``on: regions`` ``classifications``, a list a region.

    A request is ``pixel_values`` FP32 [1, 3, height, width]; a response has ``logits`` FP32 [1, classes].
    """

    def __init__(self, declaration: StepDeclaration, options: ClassifyOptions) -> None:
        super().__init__(declaration, options, one="classification", many="classifications")
        self._options = options
        self._given = () if options.labels is None else read_given_labels(options.labels, declaration, "labels")

    def read(self, response: InferenceResponse) -> list[Label]:
        options = self._options
        values = read_output(response, options.output, ("logits",), model=options.model, holds="the logits")
        logits = self._read_logits(values)
        check_logits(logits, options.model)
        function = options.scores or score_function(self.checkpoint, len(logits))
        scores = FUNCTIONS[function](logits)
        return best_labels(scores, self._names(len(logits)), top_k=options.top_k, score_threshold=options.score_threshold)

    # At first use, because a checkpoint on the hub may have to be downloaded.
    @cached_property
    def _labels(self) -> tuple[str, ...]:
        return self._given or checkpoint_labels(self.checkpoint)

    def _read_logits(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        # Convolutional heads leave axes of one pixel behind.
        if values.ndim < 2 or values.shape[0] != 1 or values.size != values.shape[1] or values.size == 0:
            raise InferenceError(
                f"the logits of model {self.model!r} must be FP32 [1, classes], got {describe(values)}; is it a classifier? "
                "Name another output with `output:`"
            )
        return values.reshape(-1)

    def _names(self, classes: int) -> tuple[str, ...]:
        if not self._labels:
            return tuple(map(unnamed_label, range(classes)))
        if len(self._labels) != classes:
            source = "`labels:`" if self._given else "id2label in the checkpoint"
            raise InferenceError(
                f"model {self.model!r} gave {classes} logits, and {source} has {len(self._labels)} names; write `labels:` with "
                "one a class, in the model's order"
            )
        return self._labels
