from __future__ import annotations

import torch

from turnout.tensors import TensorSpec
from turnout_direct.export.failures import export_error
from turnout_direct.export.traceable import Traceable

TRACEABLE = Traceable(
    "m", "Net", torch.nn.Identity(), (TensorSpec("x", "FP32", (-1,)),), ("y",), lambda batch: (), lambda *inputs: ()
)


def chain(outer: Exception, cause: Exception) -> Exception:
    outer.__cause__ = cause
    return outer


def test_an_unknown_failure_reports_its_cause_in_one_line():
    error = chain(RuntimeError("step 1/3\nlong advice"), TypeError("\n  'str' object is no tensor\n  at somewhere"))

    assert str(export_error(error, TRACEABLE, "ONNX")) == (
        "model 'm' (Net) cannot be written as ONNX: TypeError: \"'str' object is no tensor\"; "
        "change the model's code, or keep the model on the backend 'direct'"
    )


def test_an_error_without_text_reports_its_class():
    assert "NotImplementedError: ''" in str(export_error(NotImplementedError(), TRACEABLE, "ONNX"))


def test_control_flow_on_values_is_reported_without_a_known_line_too():
    message = str(export_error(RuntimeError("Could not guard on data-dependent expression u0 > 1"), TRACEABLE, "ONNX"))

    assert "its Python branches on the values of a tensor; write that" in message
