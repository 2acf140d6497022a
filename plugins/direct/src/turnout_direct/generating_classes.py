"""The classes of transformers whose ``generate()`` is supported, each with the function that returns its family."""

from __future__ import annotations

from collections.abc import Mapping

GENERATING: Mapping[str, str] = {
    "BlipForConditionalGeneration": "turnout_direct.families.blip:captioner_family",
    "BlipForQuestionAnswering": "turnout_direct.families.blip:answerer_family",
    "Blip2ForConditionalGeneration": "turnout_direct.families.blip:blip2_family",
    "InstructBlipForConditionalGeneration": "turnout_direct.families.blip:instructblip_family",
    "VisionEncoderDecoderModel": "turnout_direct.families.encoder_decoder:vision_encoder_decoder_family",
    "Pix2StructForConditionalGeneration": "turnout_direct.families.encoder_decoder:pix2struct_family",
    "Florence2ForConditionalGeneration": "turnout_direct.families.encoder_decoder:florence2_family",
}
