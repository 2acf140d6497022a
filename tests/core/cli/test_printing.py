"""Colors."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from turnout.cli.printing import color_choice, paint


@pytest.mark.parametrize(
    ("variables", "colored"),
    [
        ({}, None),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, None),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "0"}, False),
        ({"CLICOLOR_FORCE": "1"}, True),
        ({"CLICOLOR_FORCE": "0"}, None),
        ({"CLICOLOR": "0"}, False),
        ({"CLICOLOR": "1"}, None),
        ({"TERM": "dumb"}, False),
        ({"TERM": "xterm"}, None),
    ],
)
def test_the_usual_variables_decide_about_color(variables: Mapping[str, str], colored: bool | None) -> None:
    assert color_choice(variables) is colored


def test_a_word_has_the_style_of_its_meaning() -> None:
    assert paint("ok   ") == "\x1b[32mok   \x1b[0m"
    assert paint("FAIL x", "FAIL") == "\x1b[31mFAIL x\x1b[0m"
    assert paint("plain") == "plain"
