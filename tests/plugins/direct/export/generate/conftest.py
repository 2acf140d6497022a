"""Tiny BLIP models in the form that is exported."""

from __future__ import annotations

import pytest

from turnout_direct.export.generate.blip import BlipAnswerer, BlipCaptioner


@pytest.fixture(scope="module")
def captioner(blip):
    return BlipCaptioner("m", blip("BlipForConditionalGeneration", 0))


@pytest.fixture(scope="module")
def answerer(blip):
    return BlipAnswerer("m", blip("BlipForQuestionAnswering", 0))
