"""The inputs of a model that generates text, as the processor of its checkpoint makes them from a picture and a prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from turnout import PipelineContext
from turnout.errors import ConfigurationError
from turnout_vision.checkpoints.checkpoint import Checkpoint
from turnout_vision.checkpoints.header_font import read_header_writer
from turnout_vision.checkpoints.instruction import read_instruction_codec
from turnout_vision.checkpoints.processor import read_any_preprocessor
from turnout_vision.options.texts import TextStepOptions
from turnout_vision.preprocess import ImagePreprocessor
from turnout_vision.preprocess.headers import HeaderWriter
from turnout_vision.preprocess.patches import PatchPreprocessor
from turnout_vision.regions.prepared_crops import prepare_crop
from turnout_vision.regions.region import Region, crop
from turnout_vision.texts.tokens import TextCodec

Tensors = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """A prompt of one run.

    Attributes:
        text: as it was given.
        ids: those that the model repeats before its answer.
        tensors: the inputs that are the same for every region.
    """

    text: str
    ids: Sequence[int]
    tensors: Tensors


class TextInputs(Protocol):
    """Makes the inputs of a model. Thread-safe."""

    def read_prompt(self, text: str) -> Prompt:
        """Return the prompt ``text``.

        Raises:
            ConfigurationError: the model takes no prompt, or requires one.
            InvalidInputError: it is too long, or not valid Unicode.
        """

    def tensors(self, context: PipelineContext, region: Region, prompt: Prompt) -> Tensors:
        """Return the inputs for ``region`` of the picture, with those of ``prompt``. Raises as the image preprocessor."""


@dataclass(frozen=True, slots=True, eq=False)
class PixelInputs:
    """``pixel_values``, ``input_ids`` and ``attention_mask``; the tokens of ``instruction`` for a Q-Former, if it has one."""

    codec: TextCodec
    preprocessor: ImagePreprocessor
    length: int | None
    instruction: TextCodec | None

    def read_prompt(self, text: str) -> Prompt:
        ids = self.codec.ids(text)
        return Prompt(text, ids, {**self.codec.inputs(ids, self.length), **self._instruct(text)})

    def tensors(self, context: PipelineContext, region: Region, prompt: Prompt) -> Tensors:
        return {"pixel_values": prepare_crop(context, region, self.preprocessor), **prompt.tensors}

    def _instruct(self, text: str) -> Tensors:
        if self.instruction is None:
            return {}
        # A Q-Former has few positions; what is beyond them is no padding for it.
        length = None if self.length is None else min(self.length, self.instruction.max_tokens)
        tokens = self.instruction.inputs(self.instruction.ids(text), length)
        return {f"qformer_{name}": values for name, values in tokens.items()}


@dataclass(frozen=True, slots=True, eq=False)
class PatchInputs:
    """``flattened_patches`` and their ``attention_mask``; a prompt is written into the picture by ``header``."""

    checkpoint: str
    preprocessor: PatchPreprocessor
    header: HeaderWriter | None

    def read_prompt(self, text: str) -> Prompt:
        if self.header is None and text:
            raise ConfigurationError(
                f"checkpoint {self.checkpoint!r} is a Pix2Struct that takes no question or prompt (is_vqa is false "
                "in its file); use the step `caption` without `prompt:`, or a checkpoint that answers questions"
            )
        if self.header is not None and not text:
            raise ConfigurationError(
                f"checkpoint {self.checkpoint!r} is a Pix2Struct that answers questions (is_vqa is true in its file); "
                "use the step `answer`, or write `prompt:` in the step `caption`"
            )
        return Prompt(text, (), {})

    def tensors(self, context: PipelineContext, region: Region, prompt: Prompt) -> Tensors:
        pixels = crop(context["picture"], region)
        return self.preprocessor.inputs(self.header.apply(pixels, prompt.text) if self.header else pixels)


def read_text_inputs(checkpoint: Checkpoint, codec: TextCodec, options: TextStepOptions) -> TextInputs:
    """Return the inputs of the model of ``checkpoint``. May block on the hub.

    Raises:
        ConfigurationError: a file is missing, broken, unreachable or not supported, or an option does not fit.
    """
    preprocessor = read_any_preprocessor(checkpoint, options.prepare)
    if isinstance(preprocessor, ImagePreprocessor):
        return PixelInputs(codec, preprocessor, options.prompt_length, read_instruction_codec(checkpoint))
    if options.prompt_length is not None:
        raise ConfigurationError(
            f"prompt_length is {options.prompt_length}, but checkpoint {checkpoint.name!r} is a Pix2Struct, which takes no "
            "tokens; remove `prompt_length:` from the step"
        )
    return PatchInputs(checkpoint.name, preprocessor, read_header_writer(checkpoint) if preprocessor.asks else None)
