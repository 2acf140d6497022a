"""A checkpoint without a key that its class needs is refused when the model opens, not at its first request."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import turnout
from turnout.errors import ModelLoadError
from turnout_direct.required_config import check_placeholder

BLIP, BLIP2 = "BlipForConditionalGeneration", "Blip2ForConditionalGeneration"


@pytest.fixture
def open_without(tmp_path: Path, _modules: None) -> Callable[..., list[list[int]]]:
    """Return a function that saves a model, changes its config.json, opens it and returns an answer."""
    import turnout_test_blip

    def ask(name: str, keys: dict[str, Any], method: str = "generate") -> list[list[int]]:
        kind, _, language = name.partition("/")
        folder = tmp_path / "checkpoint"
        (turnout_test_blip.blip2(language) if language else turnout_test_blip.blip(kind)).save_pretrained(folder)
        change(folder / "config.json", keys)
        options = {"loader": "transformers", "class": kind, "checkpoint": str(folder), "method": method}
        ids = np.array([[3, 3, 3, 3, 1, 7]] if language else [[1, 7, 8, 2]])
        with turnout.open({"models": {"m": {"backend": "direct", "backends": {"direct": options}}}}) as app:
            pixels = np.zeros((1, 3, 32, 32), np.float32)
            answer = app.model("m").infer({"pixel_values": pixels, "input_ids": ids, "attention_mask": np.ones_like(ids)})
            return answer["generated_ids"].tolist() if method == "generate" else [list(answer)]

    return ask


def change(file: Path, keys: dict[str, Any]) -> None:
    """Set values by dotted key; ... removes one."""
    config = json.loads(file.read_text())
    for key, value in keys.items():
        *parts, last = key.split(".")
        part = config
        for name in parts:
            part = part[name]
        part.pop(last, None)
        if value is not ...:
            part[last] = value
    file.write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("name", "keys", "reason"),
    [
        (f"{BLIP2}/opt", {"image_token_index": ...}, "config.json has no 'image_token_index', which .* needs at every request"),
        (f"{BLIP2}/opt", {"image_token_index": 99}, "'image_token_index' of the checkpoint's config.json is 99"),
        (f"{BLIP2}/opt", {"num_query_tokens": ...}, r"first 'query_tokens': \[1, 4, 32\] in the checkpoint, \[1, 32, 32\] by"),
        (BLIP, {"vision_config.image_size": ...}, r"other sizes than 'BlipForConditionalGeneration' with its config.json"),
        (BLIP, {"text_config.sep_token_id": ...}, r"'text_config.sep_token_id' .* is 102, which is transformers' default"),
        (BLIP, {"text_config.bos_token_id": None}, r"'text_config.bos_token_id' .* is missing; .* from 0 to 59: write"),
        (BLIP, {"text_config.pad_token_id": None}, r"'text_config.pad_token_id' .* is missing"),
    ],
)
def test_what_a_checkpoint_lacks_is_said_when_it_opens(name, keys, reason, open_without) -> None:
    with pytest.raises(ModelLoadError, match=reason):
        open_without(name, keys)


@pytest.mark.usefixtures("_modules")
def test_a_decoder_without_a_first_token_is_refused() -> None:
    import turnout_test_blip

    from turnout_direct.generation_family import family_of

    model = turnout_test_blip.blip2("t5")
    model.language_model.config.decoder_start_token_id = None
    model.language_model.generation_config.decoder_start_token_id = None

    with pytest.raises(ModelLoadError, match=r"'text_config.decoder_start_token_id' .* is missing"):
        family_of(model, "m")


def test_the_placeholder_is_looked_up_in_the_checkpoints_tokenizer(open_without, tmp_path) -> None:
    tokens = [{"id": 57, "content": "</s>"}, {"id": 58, "content": "<image>"}]
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "tokenizer.json").write_text(json.dumps({"added_tokens": tokens}))

    with pytest.raises(ModelLoadError, match="write '\"image_token_index\": 58' there"):
        open_without(f"{BLIP2}/opt", {"image_token_index": ...})


@pytest.mark.usefixtures("_modules")
def test_a_tokenizer_that_happens_to_be_in_the_current_folder_is_not_read(tmp_path, monkeypatch) -> None:
    import turnout_test_blip

    (tmp_path / "tokenizer.json").write_text(json.dumps({"added_tokens": [{"id": 58, "content": "<image>"}]}))
    monkeypatch.chdir(tmp_path)
    model = turnout_test_blip.blip2("opt")
    model.config.image_token_index = None

    with pytest.raises(ModelLoadError, match="write the id of '<image>' there"):
        check_placeholder(model, "m", None)


def test_a_forward_without_the_placeholder_is_refused_too(open_without) -> None:
    with pytest.raises(ModelLoadError, match="has no 'image_token_index'"):
        open_without(f"{BLIP2}/opt", {"image_token_index": None}, method="forward")


def test_a_complete_checkpoint_answers(open_without) -> None:
    assert open_without(f"{BLIP2}/opt", {})[0][:6] == [3, 3, 3, 3, 1, 7]
