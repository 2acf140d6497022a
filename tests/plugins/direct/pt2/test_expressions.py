from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout_direct.pt2.expressions import read_expression, read_guard
from turnout_direct.pt2.refusal import Pt2RefusedError


@pytest.mark.parametrize(
    "text",
    [
        "Symbol('s77', positive=True, integer=True)",
        "TruncToInt(Mul(Float('1.5', precision=53), ToFloat(Symbol('s27', positive=True, integer=True))))",
        "Add(Symbol('u0', integer=True), Integer(-1))",
        "Pow(Symbol('s0', integer=True), Integer(-1))",
        "GreaterThan(Symbol('u0', integer=True), Integer(0))",
        "2 * s0 + s1 // 3",
        "Max(Integer(1), FloorDiv(s3, 2))",
    ],
)
def test_an_expression_of_sizes_is_read(text: str) -> None:
    assert read_expression(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "L['x'].size()[0] == 2",
        "(L['x'].size()[1]*L['x'].size()[0]) % (L['x'].size()[0] // 2) == 0",
        "L['kwargs']['y'].stride()[1] != 1 and Max(1, L['args'][0].storage_offset()) <= 7",
        "not L['flag']",
    ],
)
def test_a_condition_on_inputs_is_read(text: str) -> None:
    assert read_guard(text)


@pytest.mark.parametrize(
    "text",
    [
        "exec('1')",
        "().__class__",
        "Symbol.__init__",
        "Symbol('x', **{})",
        "Symbol('__import__')",
        "Symbol(s0)",
        "Integer('1+1')",
        "Float('1'+'2')",
        "Float('1', dps=10**9)",
        "Add(*[1])",
        "Lambda(s0, s0)",
        "lambda: 1",
        "[s0 for s0 in ()]",
        "s0 if s1 else s2",
        "s0 ** 9",
        "s0 << 9",
        "f'{s0}'",
        "(s0 := 1)",
        "Pow(2, s0)",
        "Pow(2, 17)",
        "LShift(1, 1000)",
        "1e999",
        "99999999999999999999",
        "'text'",
        "b'text'",
        "None",
        "...",
        "s0; s1",
        "s0\ns1",
        "\u017f0",
        "Symb\u043el('s0')",
        "",
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    for read in (read_expression, read_guard):
        with pytest.raises(Pt2RefusedError):
            read(text)


@pytest.mark.parametrize(
    "text",
    [
        "L['x'].tofile('/tmp/x')",
        "L['x'].size",
        "L['x'].size(0)",
        "L['x'].size()[-1]",
        "L['x'].__class__()",
        "L['x\"+exec(1)+\"']",
        "L[exec('1')]",
        "K['x']",
        "L",
        "math.inf",
        "open('x')",
    ],
)
def test_a_condition_with_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Pt2RefusedError):
        read_guard(text)


@given(st.text(alphabet=string.printable, max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (read_expression, read_guard):
        try:
            result = read(text)
        except Pt2RefusedError as error:
            result = str(error)
        assert result.isprintable()
