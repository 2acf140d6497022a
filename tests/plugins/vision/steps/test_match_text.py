from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError
from tokenizers import Tokenizer

from turnout import (
    InferenceRequest,
    InferenceResponse,
    ModelInference,
    PipelineContext,
    PipelineStep,
    StepDeclaration,
)
from turnout.errors import ConfigurationError, InferenceError, InvalidInputError, PipelineError, PipelineFailedError
from turnout_vision.factories import create_match_text
from turnout_vision.options.match_text import MatchTextOptions

COLORS = ("red", "green", "blue")
VECTORS = np.eye(3, dtype=np.float32)


class TextModel(ModelInference):
    """Gives the color in a sentence as its vector, and records its requests; fails on the sentence with ``fails_on``."""

    def __init__(self, words: list[str], *, fails_on: str = "", output: str = "text_embeds") -> None:
        self._ids = {words.index(color): index for index, color in enumerate(COLORS)}
        self._fails_on = words.index(fails_on) if fails_on else -1
        self._output = output
        self.received: list[Mapping[str, NDArray[Any]]] = []

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self.received.append(request.inputs)
        ids = request.inputs["input_ids"][0].tolist()
        if self._fails_on in ids:
            raise InferenceError("no such text")
        (index,) = {self._ids[id_] for id_ in ids if id_ in self._ids}
        return InferenceResponse(
            {self._output: 7 * VECTORS[[index]], "last_hidden_state": np.zeros((1, len(ids), 3), np.float32)}
        )


class Seen(PipelineStep):
    """Writes the vectors that it is made with."""

    def __init__(self, **values: Any) -> None:
        self._values = values
        self.provides = tuple(values)

    def process(self, context: PipelineContext) -> None:
        context.update(self._values)


@pytest.fixture
def place(tmp_path: Path, tokenizer: Tokenizer, write: Callable[[Path, Any], None]) -> StepDeclaration:
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    write(tmp_path / "tokenizer_config.json", {"pad_token": "[PAD]", "sep_token": "[SEP]"})
    write(tmp_path / "config.json", {"model_type": "clip"})
    return StepDeclaration("match_text", "photos", tmp_path, {"texts": {"direct": {"checkpoint": "."}}})


@pytest.fixture
def model(words: list[str]) -> TextModel:
    return TextModel(words)


def step(place: StepDeclaration, **options: Any) -> PipelineStep:
    given = {"texts": list(COLORS), "template": "this is a {text} box", "scale": 4.0, **options}
    return create_match_text(place, MatchTextOptions(model="texts", **given))


GREENISH = np.array([0.1, 0.9, 0.2], np.float32)


def test_the_text_that_is_nearest_to_the_picture_is_first(run: Any, place: StepDeclaration, model: TextModel) -> None:
    result = run({"seen": Seen(embedding=GREENISH), "match": step(place)}, {"texts": model})

    cosines = GREENISH / np.linalg.norm(GREENISH)
    powers = np.exp(4 * cosines)
    assert [(each.label, each.index) for each in result["matches"]] == [("green", 1), ("blue", 2), ("red", 0)]
    np.testing.assert_allclose(
        [each.score for each in result["matches"]], sorted(powers / powers.sum(), reverse=True), rtol=1e-6
    )


def test_each_text_is_a_request_of_one_length(run: Any, place: StepDeclaration, model: TextModel, words: list[str]) -> None:
    run({"seen": Seen(embedding=GREENISH), "match": step(place, prompt_length=9)}, {"texts": model})

    assert [sorted(inputs) for inputs in model.received] == [["attention_mask", "input_ids"]] * 3
    assert {inputs["input_ids"].shape for inputs in model.received} == {(1, 9)}
    shown = [words[id_] for id_ in model.received[0]["input_ids"][0]]
    assert shown[:7] == ["[CLS]", "this", "is", "a", "red", "box", "[SEP]"] or {"red", "green", "blue"} & set(shown)


def test_regions_have_lists_and_a_region_without_a_vector_none(run: Any, place: StepDeclaration, model: TextModel) -> None:
    embeddings = [VECTORS[2], None, VECTORS[0], np.zeros(3, np.float32)]

    result = run({"seen": Seen(embeddings=embeddings), "match": step(place, on="regions", top_k=1)}, {"texts": model})

    assert [matches and matches[0].label for matches in result["matches"]] == ["blue", None, "red", None]
    assert [(failure.step, failure.index) for failure in result.failures] == [("match", 3)]
    assert "no direction" in str(result.failures[0].error)


def test_no_regions_have_no_matches(run: Any, place: StepDeclaration, model: TextModel) -> None:
    assert run({"seen": Seen(embeddings=[]), "match": step(place, on="regions")}, {"texts": model})["matches"] == []


def test_a_picture_without_a_vector_has_no_matches(run: Any, place: StepDeclaration, model: TextModel) -> None:
    assert run({"seen": Seen(embedding=None), "match": step(place)}, {"texts": model})["matches"] is None


def test_the_texts_of_the_settings_are_sent_once_and_those_of_a_caller_each_time(
    run: Any, place: StepDeclaration, model: TextModel
) -> None:
    steps = {"seen": Seen(embedding=GREENISH), "match": step(place)}

    first, second = (run(steps, {"texts": model})["matches"] for _ in range(2))
    assert (first == second, len(model.received)) == (True, 3)

    for _ in range(2):
        given = run(steps, {"texts": model}, texts=["blue", "red"])["matches"]
        assert [(each.label, each.index) for each in given] == [("blue", 0), ("red", 1)]
    assert len(model.received) == 7
    assert run(steps, {"texts": model})["matches"] == first
    assert len(model.received) == 7


def test_with_0_seconds_the_model_is_asked_in_each_run(run: Any, place: StepDeclaration, model: TextModel) -> None:
    steps = {"seen": Seen(embedding=GREENISH), "match": step(place, keep_seconds=0)}

    for _ in range(2):
        run(steps, {"texts": model})

    assert len(model.received) == 6


def test_a_text_that_fails_fails_the_step_and_nothing_of_it_is_kept(
    run: Any, place: StepDeclaration, model: TextModel, words: list[str]
) -> None:
    steps = {"seen": Seen(embedding=GREENISH), "match": step(place)}

    failed = run(steps, {"texts": TextModel(words, fails_on="blue")})

    assert failed["matches"] is None
    assert [(failure.step, failure.index) for failure in failed.failures] == [("match", None)]
    assert run(steps, {"texts": model})["matches"][0].label == "green"


def test_texts_come_from_a_file_too(run: Any, place: StepDeclaration, model: TextModel) -> None:
    (place.folder / "colors.txt").write_text("blue\ngreen\n", "utf-8")

    result = run({"seen": Seen(embedding=GREENISH), "match": step(place, texts="colors.txt")}, {"texts": model})

    assert [(each.label, each.index) for each in result["matches"]] == [("green", 1), ("blue", 0)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"scores": "none"}, [("green", 1.0), ("red", 0.0), ("blue", 0.0)]),
        ({"scores": "none", "score_threshold": 0.5}, [("green", 1.0)]),
        ({"scores": "sigmoid", "bias": -4.0, "top_k": 1}, [("green", 0.5)]),
        ({"scores": "softmax", "scale": 1000.0, "top_k": 1}, [("green", 1.0)]),
    ],
)
def test_scores_follow_the_options(
    run: Any, place: StepDeclaration, model: TextModel, options: dict[str, Any], expected: list[tuple[str, float]]
) -> None:
    result = run({"seen": Seen(embedding=VECTORS[1]), "match": step(place, **options)}, {"texts": model})

    assert [(each.label, pytest.approx(each.score)) for each in result["matches"]] == expected


def test_siglip_uses_sigmoid(run: Any, place: StepDeclaration, model: TextModel, write: Any) -> None:
    write(place.folder / "config.json", {"model_type": "siglip"})

    result = run({"seen": Seen(embedding=VECTORS[1]), "match": step(place)}, {"texts": model})

    assert result["matches"][0].score == pytest.approx(1 / (1 + np.exp(-4)))
    assert {inputs["input_ids"].shape for inputs in model.received} == {(1, 64)}


def test_a_pooled_output_is_found_too(run: Any, place: StepDeclaration, words: list[str]) -> None:
    model = TextModel(words, output="pooler_output")

    assert run({"seen": Seen(embedding=GREENISH), "match": step(place)}, {"texts": model})["matches"][0].label == "green"


def test_vectors_of_another_step_are_read_and_written_by_name(run: Any, place: StepDeclaration, model: TextModel) -> None:
    steps = {"seen": Seen(mine=GREENISH), "match": step(place, embedding="mine", into="colors")}

    assert run(steps, {"texts": model})["colors"][0].label == "green"


def test_a_checkpoint_without_a_scale_is_refused_before_any_request(run: Any, place: StepDeclaration, model: TextModel) -> None:
    with pytest.raises(ConfigurationError, match=r"has no model\.safetensors, where 'logit_scale' would be"):
        run({"seen": Seen(embedding=GREENISH), "match": step(place, scale=None)}, {"texts": model})
    assert not model.received

    cosines = {"seen": Seen(embedding=GREENISH), "match": step(place, scale=None, scores="none")}
    assert run(cosines, {"texts": model})["matches"][0].label == "green"


@pytest.mark.parametrize(
    "texts", [[], "red", None, {"red": 1}, ["red", 7], ["red", ""], ["red", "  "], ["x" * 1001], ["red"] * 1001]
)
def test_texts_of_a_caller_that_are_none_are_refused(run: Any, place: StepDeclaration, model: TextModel, texts: Any) -> None:
    steps = {"seen": Seen(embedding=GREENISH), "match": step(place, texts=None)}

    with pytest.raises(InvalidInputError, match=r"texts (are|have) .*; give "):
        run(steps, {"texts": model}, texts=texts)

    assert run(steps, {"texts": model}, texts=["green"])["matches"][0].score == 1


def test_without_any_texts_the_run_fails_before_any_request(run: Any, place: StepDeclaration, model: TextModel) -> None:
    with pytest.raises(PipelineError, match="needs 'texts'"):
        run({"seen": Seen(embedding=GREENISH), "match": step(place, texts=None)}, {"texts": model})
    assert not model.received


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.ones(4, np.float32), "picture's vector has 4 dimensions and the texts' of model 'texts' 3"),
        (np.ones((1, 3), np.float32), r"'embedding' has float32 \[1, 3\], and match_text reads vectors"),
        (np.ones(3, np.int64), r"'embedding' has int64 \[3\]"),
        ([1.0, 2.0, 3.0], r"'embedding' has \[1.0, 2.0, 3.0\]"),
        (np.ones(0, np.float32), r"'embedding' has float32 \[0\]"),
        (np.array([1, np.nan, 0], np.float32), "has no direction"),
    ],
)
def test_a_value_that_is_no_vector_of_the_checkpoint_is_one_line(
    run: Any, place: StepDeclaration, model: TextModel, value: Any, message: str
) -> None:
    created = step(place)

    result = run({"seen": Seen(embedding=value), "match": created}, {"texts": model})

    assert result["matches"] is None
    with pytest.raises(type(result.failures[0].error), match=message):
        raise result.failures[0].error
    assert run({"seen": Seen(embedding=GREENISH), "match": created}, {"texts": model})["matches"][0].label == "green"


def test_one_vector_where_a_list_is_expected_is_one_line(run: Any, place: StepDeclaration, model: TextModel) -> None:
    result = run({"seen": Seen(embeddings=GREENISH), "match": step(place, on="regions")}, {"texts": model})

    assert result["matches"] is None
    assert "reads a list of vectors, one a region" in str(result.failures[0].error)


def test_a_model_that_is_down_leaves_none(run: Any, place: StepDeclaration) -> None:
    class Down(ModelInference):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            raise InferenceError("down")

    with pytest.raises(PipelineFailedError, match="down") as caught:
        run({"seen": Seen(embedding=GREENISH), "match": step(place)}, {"texts": Down()})
    assert caught.value.values["matches"] is None


def test_a_model_without_a_checkpoint_is_refused_before_a_run(tmp_path: Path) -> None:
    place = StepDeclaration("match_text", "photos", tmp_path, {"texts": {"direct": {}}})

    with pytest.raises(ConfigurationError, match="needs the tokenizer of model 'texts'"):
        step(place)


@pytest.mark.parametrize(
    "given",
    [
        {"template": "a photo"},
        {"template": "{text} {text}"},
        {"texts": []},
        {"texts": [""]},
        {"keep_seconds": -1},
        {"keep_seconds": float("nan")},
        {"scale": float("inf")},
        {"into": "texts"},
        {"on": "region"},
        {"prepare": {"size": [8, 8]}},
    ],
)
def test_wrong_options_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MatchTextOptions(model="texts", **given)
