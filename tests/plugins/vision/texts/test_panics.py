"""Panics of the tokenizers package, which real files cause."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from turnout.errors import ConfigurationError
from turnout_vision.checkpoints.checkpoint import Checkpoint
from turnout_vision.checkpoints.tokenizer_file import read_tokenizer
from turnout_vision.texts.panics import panics_as_errors
from turnout_vision.texts.tokens import TextCodec

GOOD = {
    "version": "1.0",
    "added_tokens": [],
    "model": {"type": "WordLevel", "vocab": {"a": 0, "[UNK]": 1}, "unk_token": "[UNK]"},
}
DECODER = {"type": "WordPiece", "prefix": "##", "cleanup": True}
READS_WRONG: dict[str, Any] = {
    "charsmap": {"normalizer": {"type": "Precompiled", "precompiled_charsmap": ""}},
    "merges": {"model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": ["a b"], "continuing_subword_prefix": "##"}},
}
ENCODES_WRONG: dict[str, Any] = {
    "charsmap": {"normalizer": {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(b"\1\0\0\0").decode()}},
    "template": {
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "zz", "type_id": 0}}],
            "pair": [],
            "special_tokens": {},
        }
    },
}


@pytest.mark.parametrize("wrong", READS_WRONG.values(), ids=READS_WRONG)
def test_a_file_that_makes_the_library_panic_is_refused(wrong: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(json.dumps(GOOD | wrong))

    with pytest.raises(ConfigurationError, match=r"is not a tokenizer: a library panicked: .*; save it again"):
        read_tokenizer(Checkpoint("mine", folder=tmp_path), {}, None)


@pytest.mark.parametrize("wrong", ENCODES_WRONG.values(), ids=ENCODES_WRONG)
def test_a_text_that_makes_the_library_panic_is_an_error(wrong: dict[str, Any]) -> None:
    tokenizer = Tokenizer.from_str(json.dumps(GOOD | {"decoder": DECODER} | wrong))
    codec = TextCodec(tokenizer=tokenizer, pad=0, starts=frozenset(), stops=frozenset())

    with pytest.raises(RuntimeError, match="a library panicked"):
        codec.ids("a text")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, ValueError])
def test_other_errors_pass(kind: type[BaseException]) -> None:
    with pytest.raises(kind), panics_as_errors():
        raise kind
