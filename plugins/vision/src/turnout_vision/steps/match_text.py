"""The step ``match_text``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout import InferenceRequest, InferenceResponse, PipelineContext, StepDeclaration, StepInput
from turnout.errors import InvalidInputError, TurnoutError
from turnout_vision.brief_text import brief
from turnout_vision.checkpoints.checkpoint import find_checkpoint, require_checkpoint
from turnout_vision.checkpoints.text_encoder import TextEncoder, compares_each_alone, read_text_encoder
from turnout_vision.labels.given_labels import read_given_labels
from turnout_vision.labels.label import Label
from turnout_vision.labels.ranking import best_labels
from turnout_vision.labels.scores import FUNCTIONS
from turnout_vision.labels.similarity import Similarity, read_similarity
from turnout_vision.options.match_text import MatchTextOptions
from turnout_vision.steps.model_output import read_output
from turnout_vision.steps.model_step import ModelStep, RefusedInput, prompt_advice
from turnout_vision.vectors.kept_vectors import KeptVectors, Vectors
from turnout_vision.vectors.pooling import normalize, pool

# Of a caller; each is a request.
MAX_GIVEN = 1_000
MAX_CHARACTERS = 1_000
_COSINE = Similarity(1, 0)
_SCHEMA = {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "maxItems": MAX_GIVEN}


@dataclass(frozen=True, slots=True)
class _Asked:
    """The state of one run: the texts, their vectors where those are known, and whether to keep those that come."""

    texts: Sequence[str]
    vectors: Vectors | None
    keep: bool


class MatchText(ModelStep):
    """Writes ``matches``, a list of Label, best first: how well each of ``texts`` describes the picture's ``embedding``.

    With ``on: regions`` it reads ``embeddings`` and writes a list a region, None where a vector is None. A request is one text,
    ``input_ids`` and ``attention_mask`` INT64 [1, length]; a response has ``text_embeds`` or ``pooler_output`` FP32
    [1, dimensions]. The caller's ``texts`` replace those of the options. One text that fails fails the step: without it the
    scores of the others would be wrong. Thread-safe: ``KeptVectors`` is.
    """

    def __init__(self, declaration: StepDeclaration, options: MatchTextOptions) -> None:
        self.model = options.model
        self._options = options
        self._reads = options.embedding or ("embeddings" if options.on == "regions" else "embedding")
        self._into = options.into or "matches"
        self.needs = (self._reads,)
        self.provides = (self._into,)
        self._texts = () if options.texts is None else read_given_labels(options.texts, declaration, "texts")
        if self._texts:
            self.optional_inputs = ("texts",)
        else:
            self.inputs = ("texts",)
        self.input_forms = {
            "texts": StepInput("json", 'What the picture may show, such as ["a cat", "a dog"].', schema=_SCHEMA)
        }
        checkpoint = find_checkpoint(declaration, options.model, options.processor)
        self._checkpoint = require_checkpoint(checkpoint, declaration, options.model)
        self._kept = KeptVectors(options.keep_seconds)

    def example_inputs(self) -> Mapping[str, Any]:
        return {"texts": ["a cat", "a dog"]}

    def advise(self, refused: RefusedInput) -> str | None:
        if refused.known is not None and refused.name == "attention_mask":
            return "write `attention_mask: false` in the step"
        return prompt_advice(refused)

    def preprocess(self, context: PipelineContext) -> Sequence[InferenceRequest]:
        given = context.get("texts")
        own = given is None and bool(self._texts)
        vectors = self._kept.get() if own else None
        texts = self._texts if own else _check_texts(given)
        context.state = _Asked(texts, vectors, own)
        # A checkpoint without a scale is an error of turnout.yaml, and costs no requests.
        _ = self._similarity
        if vectors is not None:
            return ()
        options = self._options
        # Not str.format: a text may contain braces.
        sentences = [options.template.replace("{text}", text) for text in texts]
        inputs = self._encoder.inputs(sentences, options.prompt_length, mask=options.attention_mask)
        return [InferenceRequest(each) for each in inputs]

    def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
        found, per_region = context[self._reads], self._options.on == "regions"
        context[self._into] = [None] * len(found) if per_region and isinstance(found, list) else None
        try:
            match = self._matcher(context.state, responses)
            if per_region:
                vectors = _check_list(found, self._reads)
                context[self._into] = [_match_region(context, index, vector, match) for index, vector in enumerate(vectors)]
            elif found is not None:  # a vector that failed is reported by the step that made it
                context[self._into] = match(found)
        except TurnoutError as error:
            context.report(error)

    # These at first use, because a checkpoint on the hub may have to be downloaded.
    @cached_property
    def _encoder(self) -> TextEncoder:
        return read_text_encoder(self._checkpoint)

    @cached_property
    def _scores(self) -> str:
        return self._options.scores or ("sigmoid" if compares_each_alone(self._checkpoint) else "softmax")

    @cached_property
    def _similarity(self) -> Similarity:
        options = self._options
        return _COSINE if self._scores == "none" else read_similarity(self._checkpoint, options.scale, options.bias)

    def _matcher(self, asked: _Asked, responses: Sequence[InferenceResponse]) -> Callable[[Any], list[Label]]:
        options = self._options
        vectors = np.stack([self._read_vector(each) for each in responses]) if asked.vectors is None else asked.vectors
        if asked.keep and asked.vectors is None:
            self._kept.keep(vectors)

        def match(picture: Any) -> list[Label]:
            unit = normalize(_check_vector(picture, self._reads), model=options.model)
            scores = FUNCTIONS[self._scores](self._similarity.logits(vectors, unit, model=options.model))
            return best_labels(scores, asked.texts, top_k=options.top_k, score_threshold=options.score_threshold)

        return match

    def _read_vector(self, response: InferenceResponse) -> NDArray[np.float32]:
        options = self._options
        usual = ("text_embeds", "pooler_output")
        values = read_output(response, options.output, usual, model=options.model, holds="the vector of a text")
        return normalize(pool(values, None, 0, model=options.model), model=options.model)


def _match_region(context: PipelineContext, index: int, vector: Any, match: Callable[[Any], list[Label]]) -> list[Label] | None:
    if vector is None:  # reported by the step that made it
        return None
    try:
        return match(vector)
    except TurnoutError as error:
        context.report(error, index)
        return None


def _check_texts(given: Any) -> Sequence[str]:
    if not isinstance(given, list | tuple) or not 0 < len(given) <= MAX_GIVEN:
        raise InvalidInputError(f"texts are {brief(given)}; give a list of 1 to {MAX_GIVEN} texts")
    for text in given:
        if not isinstance(text, str) or not text.strip() or len(text) > MAX_CHARACTERS:
            raise InvalidInputError(f"texts have {brief(text)}; give texts of 1 to {MAX_CHARACTERS} characters")
    return given


def _check_list(value: Any, name: str) -> Sequence[Any]:
    if isinstance(value, list):
        return value
    raise InvalidInputError(
        f"{name!r} is {brief(value)}, and match_text with `on: regions` reads a list of vectors, one a region"
    )


def _check_vector(value: Any, name: str) -> NDArray[np.float32]:
    if isinstance(value, np.ndarray) and value.ndim == 1 and value.size and value.dtype.kind == "f":
        return value.astype(np.float32, copy=False)
    shown = f"{value.dtype} {list(value.shape)}" if isinstance(value, np.ndarray) else brief(value)
    raise InvalidInputError(f"{name!r} has {shown}, and match_text reads vectors FP32 [dimensions]; write them with `embed`")
