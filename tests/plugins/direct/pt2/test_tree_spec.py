from __future__ import annotations

import json
from typing import Any

import pytest

from turnout_direct.pt2.refusal import Pt2RefusedError
from turnout_direct.pt2.tree_spec import read_tree_spec

LEAF = {"type": None, "context": None, "children_spec": []}


def spec(kind: str, context: Any) -> str:
    return json.dumps([1, {"type": kind, "context": context, "children_spec": [LEAF]}])


@pytest.mark.parametrize(
    ("kind", "context"),
    [
        ("builtins.tuple", "null"),
        ("builtins.dict", '["a", "b_1"]'),
        ("transformers.modeling_outputs.BaseModelOutput", '["logits"]'),
    ],
)
def test_a_container_with_names_is_read(kind: str, context: str) -> None:
    assert json.loads(read_tree_spec(spec(kind, context))) == json.loads(spec(kind, context))


@pytest.mark.parametrize(
    "text",
    [
        spec("builtins.list", '{"__enum__": true, "fqn": "antigravity:x", "name": "y"}'),
        spec("builtins.dict", '["a", {"__enum__": true, "fqn": "antigravity:x", "name": "y"}]'),
        spec("collections.defaultdict", {"default_factory_module": "antigravity"}),
        spec("builtins.dict", '["a\\"+exec(1)"]'),
        spec("os;system", "null"),
        json.dumps([2, LEAF]),
        json.dumps([1, {**LEAF, "more": 1}]),
        json.dumps([1]),
        "{}",
        "",
        "[" * 100_000,
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(Pt2RefusedError):
        read_tree_spec(text)
