from __future__ import annotations

import pytest
import torch

from turnout import ModelDeclaration
from turnout.errors import ExportError
from turnout.tensors import TensorSpec
from turnout_direct.export.results import check_returns, own_returns, part_of

ONE, TWO = torch.ones(1), torch.zeros(2)


def test_a_part_is_an_element_a_key_an_attribute_or_the_whole():
    from transformers.modeling_outputs import SemanticSegmenterOutput

    output = SemanticSegmenterOutput(logits=TWO)

    assert part_of([ONE, TWO], -1) is TWO
    assert part_of({"a": ONE}, "a") is ONE
    assert part_of({"a": ONE, "b": TWO}, 1) is TWO
    assert part_of(output, "logits") is TWO
    assert part_of(output, 0) is TWO
    assert part_of(torch.return_types.max((ONE, TWO)), "indices") is TWO
    assert part_of(ONE, "") is ONE


def test_outputs_that_nobody_names_take_the_names_that_are_there():
    declared = ModelDeclaration("m", outputs=(TensorSpec("logits", "FP32", (-1,)),))

    assert own_returns(declared, {"a": ONE, "note": "text"}) == {"a": "a"}
    assert own_returns(declared, ONE) == {"logits": ""}
    assert own_returns(declared, (ONE,)) == {"logits": 0}
    assert own_returns(declared, (ONE, TWO)) == {"output_0": 0, "output_1": 1}
    assert own_returns(ModelDeclaration("m"), ONE) == {"output": ""}


def test_a_part_that_is_missing_or_no_tensor_is_refused():
    for returns, result, reason in (
        ({"y": "b"}, {"a": ONE}, r"output 'y' is to be part 'b' of the result, which is a dict of \['a'\]"),
        ({"y": 0}, ["text"], "output 'y' is a str, not a tensor"),
        ({"y": ""}, [ONE, TWO], "output 'y' is a list of 2, not a tensor"),
        ({"y": "x"}, ONE, "output 'y' is to be part 'x' of the result, which is a Tensor"),
    ):
        with pytest.raises(ExportError, match=reason):
            check_returns("m", "Net", returns, result)
