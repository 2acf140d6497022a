"""Registry of the architectures whose ``generate()`` can be exported."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from turnout.errors import ExportError, suggestion

if TYPE_CHECKING:
    import torch

    from turnout_direct.export.generate.architecture import Architecture

_ADAPTERS = {
    "BlipForConditionalGeneration": "turnout_direct.export.generate.blip:BlipCaptioner",
    "BlipForQuestionAnswering": "turnout_direct.export.generate.blip:BlipAnswerer",
    "Blip2ForConditionalGeneration": "turnout_direct.export.generate.blip2:blip2",
    "InstructBlipForConditionalGeneration": "turnout_direct.export.generate.blip2:instructblip",
    "VisionEncoderDecoderModel": "turnout_direct.export.generate.encoder_decoder:VisionEncoderDecoder",
    "Pix2StructForConditionalGeneration": "turnout_direct.export.generate.encoder_decoder:Pix2Struct",
    "Florence2ForConditionalGeneration": "turnout_direct.export.generate.encoder_decoder:Florence2",
}


def architecture_of(model: str, module: torch.nn.Module) -> Architecture:
    """Return the adapter for the class of ``module`` or a base class.

    Raises:
        ExportError: no adapter exists, or the module's configuration lacks a value that it needs.
    """
    for ancestor in type(module).__mro__:
        if ancestor.__name__ in _ADAPTERS:
            path, name = _ADAPTERS[ancestor.__name__].split(":")
            adapter: Callable[[str, torch.nn.Module], Architecture] = getattr(importlib.import_module(path), name)
            return adapter(model, module)
    label = type(module).__name__
    raise ExportError(
        f"model {model!r}: generate() of class {label!r} cannot be exported; known: {', '.join(_ADAPTERS)}."
        f"{suggestion(label, _ADAPTERS)} Set 'method: forward' if one forward call answers, or keep it on the backend 'direct'"
    )
