from __future__ import annotations

import pytest
import torch

from turnout.errors import ExportError
from turnout_direct.export.generate.blip import BlipAnswerer, BlipCaptioner
from turnout_direct.export.generate.blip2 import Blip2WithOpt
from turnout_direct.export.generate.registry import architecture_of


class BlipForConditionalGeneratoin(torch.nn.Module):
    pass


def test_the_adapter_is_chosen_by_class_or_ancestor(blip):
    captioner, answerer = blip("BlipForConditionalGeneration", 0), blip("BlipForQuestionAnswering", 0)
    captioner.__class__ = type("FineTuned", (type(captioner),), {})

    assert type(architecture_of("m", captioner)) is BlipCaptioner
    assert type(architecture_of("m", answerer)) is BlipAnswerer
    assert type(architecture_of("m", blip("Blip2ForConditionalGeneration/opt", 0))) is Blip2WithOpt


def test_a_class_without_an_adapter_is_refused_with_the_known_ones():
    with pytest.raises(
        ExportError, match=r"known: BlipForC.*, Blip2ForConditionalGeneration, .*Florence2ForCond.*. Did you mean"
    ):
        architecture_of("m", BlipForConditionalGeneratoin())
