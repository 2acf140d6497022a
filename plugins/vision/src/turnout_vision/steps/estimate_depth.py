"""The step ``estimate_depth``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from turnout import InferenceResponse, StepDeclaration
from turnout_vision.maps.depth_map import Resampling, metric_depth, resample_depth
from turnout_vision.maps.model_maps import read_depth, read_view_degrees
from turnout_vision.options.maps import EstimateDepthOptions
from turnout_vision.preprocess.frame import Frame
from turnout_vision.steps.map_step import MapStep
from turnout_vision.steps.model_output import read_output

# As transformers resizes the maps of these; all others with a bicubic filter.
_BILINEAR = ("depth_pro", "tipsv2_dpt")


class EstimateDepth(MapStep):
    """Writes ``depth``, FP32 [height, width] of the picture, in the unit of the model.

    A request is ``pixel_values`` FP32 [1, 3, height, width]; a response has ``predicted_depth`` FP32 [1, h, w]. With an output
    ``field_of_view`` FP32 [1] too, ``predicted_depth`` is the inverse depth of DepthPro, and ``depth`` is in meters. A pixel
    that the image processor cut off is NaN. The value is None if the response failed, which is reported.
    """

    provides = ("depth",)

    def __init__(self, declaration: StepDeclaration, options: EstimateDepthOptions) -> None:
        super().__init__(declaration, options)
        self._options = options

    def read(self, response: InferenceResponse, frame: Frame, height: int, width: int) -> Mapping[str, Any]:
        options, model = self._options, self._options.model
        output = read_output(response, options.output, ("predicted_depth",), model=model, holds="the depth")
        depth = read_depth(output, model)
        resampling: Resampling = options.resampling or ("bilinear" if self.model_type in _BILINEAR else "bicubic")
        resampled = resample_depth(depth, frame, height, width, resampling)
        if options.view_output not in response:
            return {"depth": resampled}
        view = read_output(response, options.view_output, (), model=model, holds="a field of view")
        return {"depth": metric_depth(resampled, read_view_degrees(view, model))}
