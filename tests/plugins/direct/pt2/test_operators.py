from __future__ import annotations

import pytest
import torch

from turnout_direct.pt2.operators import check_operator
from turnout_direct.pt2.refusal import Pt2RefusedError


@pytest.mark.parametrize(
    "target",
    ["torch.ops.aten.linear.default", "torch.ops.higher_order.cond", "_operator.floordiv", "torch.sym_max", "math.trunc"],
)
def test_an_operator_on_tensors_or_sizes_is_accepted(target: str) -> None:
    check_operator(target)


@pytest.mark.parametrize(
    "target",
    [
        "torch.os.system",
        "torch.load",
        "torch.ops.load_library",
        "torch.ops.aten.__class__.default",
        "torch.ops.aten.linear.__call__",
        "torch.ops.aten.linear",
        "torch.ops.aten.linear.default.__globals__",
        "torch.ops.aten.save.default",
        "torch.ops.aten.from_file.default",
        "torch.ops.aten.from_file.out",
        "torch.ops.aten.warn.default",
        "torch.ops.profiler._record_function_enter.default",
        "torch.ops.image.write_file.default",
        "torch.ops.higher_order.triton_kernel_wrapper_mutation",
        "torch.ops.higher_order.flex_attention",
        "_operator.attrgetter",
        "_operator.methodcaller",
        "math.factorial",
        "#executorch:thing",
        "torch.ops.aten.linear.default\n",
        "",
    ],
)
def test_every_other_function_is_refused(target: str) -> None:
    with pytest.raises(Pt2RefusedError):
        check_operator(target)


def test_no_accepted_operator_of_torch_takes_the_name_of_a_file() -> None:
    accepted = []
    for schema in torch._C._jit_get_all_schemas():
        target = f"torch.ops.{schema.name.replace('::', '.')}.{schema.overload_name or 'default'}"
        texts = [argument.name for argument in schema.arguments if "str" in str(argument.type)]
        if any("file" in name or "path" in name for name in texts):
            try:
                check_operator(target)
            except Pt2RefusedError:
                continue
            accepted.append(target)
    assert accepted == []
