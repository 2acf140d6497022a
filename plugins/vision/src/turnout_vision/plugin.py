"""The hooks of turnout-vision: picture steps, and the command that runs them on files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from turnout import hookimpl

if TYPE_CHECKING:
    import click

    from turnout import Step

# A step sees no other option of a model's backends: they may be secrets.
CHECKPOINT_OPTIONS = ("checkpoint", "revision")


@hookimpl
def turnout_steps() -> Iterable[Step[Any]]:
    """Yield the picture steps, with the pipelines that `turnout adopt` writes."""
    from turnout_vision.task_pipelines import TASK_PIPELINES

    yield from (replace(step, pipelines=TASK_PIPELINES.get(step.name, {})) for step in _steps())


def _steps() -> Iterator[Step[Any]]:
    from turnout import Step
    from turnout_vision import factories
    from turnout_vision.options.detect import DetectOptions
    from turnout_vision.options.embed import EmbedOptions
    from turnout_vision.options.labels import ClassifyOptions
    from turnout_vision.options.load_image import LoadImageOptions
    from turnout_vision.options.maps import EstimateDepthOptions, SegmentOptions
    from turnout_vision.options.match_text import MatchTextOptions
    from turnout_vision.options.segment_regions import SegmentRegionsOptions
    from turnout_vision.options.text_reading import FindTextOptions, ReadTextOptions, TurnTextOptions
    from turnout_vision.options.texts import AnswerOptions, CaptionOptions

    yield Step("load_image", factories.create_load_image, LoadImageOptions, provides=("picture", "regions"))
    yield Step("detect", factories.create_detect, DetectOptions, model_options=CHECKPOINT_OPTIONS, provides=("regions",))
    yield Step(
        "segment_regions",
        factories.create_segment_regions,
        SegmentRegionsOptions,
        model_options=CHECKPOINT_OPTIONS,
        provides=("masks",),
    )
    yield Step("caption", factories.create_caption, CaptionOptions, model_options=CHECKPOINT_OPTIONS, provides=("captions",))
    yield Step("answer", factories.create_answer, AnswerOptions, model_options=CHECKPOINT_OPTIONS, provides=("answers",))
    yield Step("find_text", factories.create_find_text, FindTextOptions, provides=("text_regions",))
    yield Step("turn_text", factories.create_turn_text, TurnTextOptions)
    yield Step("read_text", factories.create_read_text, ReadTextOptions, model_options=("path",), provides=("text_lines",))
    yield Step(
        "classify",
        factories.create_classify,
        ClassifyOptions,
        model_options=CHECKPOINT_OPTIONS,
        provides=("classification", "classifications"),
    )
    yield Step(
        "segment", factories.create_segment, SegmentOptions, model_options=CHECKPOINT_OPTIONS, provides=("class_map", "classes")
    )
    yield Step(
        "estimate_depth",
        factories.create_estimate_depth,
        EstimateDepthOptions,
        model_options=CHECKPOINT_OPTIONS,
        provides=("depth",),
    )
    yield Step(
        "embed", factories.create_embed, EmbedOptions, model_options=CHECKPOINT_OPTIONS, provides=("embedding", "embeddings")
    )
    yield Step(
        "match_text", factories.create_match_text, MatchTextOptions, model_options=CHECKPOINT_OPTIONS, provides=("matches",)
    )


@hookimpl
def turnout_commands() -> Iterable[click.Command]:
    """Yield ``turnout run``."""
    from turnout_vision.commands.run import run

    yield run
