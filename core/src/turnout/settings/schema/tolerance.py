"""The keys of ``tolerance``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

from turnout.parity import Tolerance, Tolerances
from turnout.settings.schema.base import Fraction, SettingsModel, problem

Error = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Cosine = Annotated[float, Field(ge=-1, le=1)]
Threshold = Annotated[float, Field(allow_inf_nan=False)]


class OutputToleranceSettings(SettingsModel):
    """The largest difference between one output and the expected one."""

    rtol: Error | None = Field(None, description="An element may differ by atol + rtol x |expected|.")
    atol: Error | None = Field(None, description="See rtol.")
    mismatched: Fraction | None = Field(None, description="The share of elements that may differ by more than that.")
    cosine: Cosine | None = Field(None, description="The least cosine of the angle between both tensors.")
    iou: Fraction | None = Field(None, description="The least intersection over union of any row's masks.")
    threshold: Threshold | None = Field(None, description="A value above it belongs to the mask; 0 by default, for logits.")
    argmax: Fraction | None = Field(None, description="The least share of equal positions of the largest value.")

    def tolerance(self) -> Tolerance:
        """Return the tolerance that parity applies."""
        return Tolerance(self.rtol, self.atol, self.mismatched, self.cosine, self.iou, self.threshold, self.argmax)


def _check_output(value: Any) -> Any:
    if not isinstance(value, dict):
        keys = ", ".join(OutputToleranceSettings.model_fields)
        raise problem(f"is not one of {keys}; the tolerance of an output with this name is a mapping, such as {{rtol: 1.0e-3}}")
    return value


class ToleranceSettings(OutputToleranceSettings):
    """The largest difference between answers: of every output, and of outputs by name."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[OutputToleranceSettings, BeforeValidator(_check_output)]]

    def tolerances(self) -> Tolerances:
        """Return the tolerances that parity applies."""
        outputs = {name: settings.tolerance() for name, settings in self.__pydantic_extra__.items()}
        return Tolerances(self.tolerance(), outputs)
