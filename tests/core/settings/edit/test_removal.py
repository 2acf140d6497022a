from __future__ import annotations

import re
from pathlib import Path

import pytest

from turnout.errors import ConfigurationError
from turnout.settings import switch_backend
from turnout.settings.document.parse import parse
from turnout.settings.edit.removal import remove_value

PLACE = ("models", "m", "canary")


def without(text: str) -> str:
    return remove_value(parse(text, "x"), PLACE)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "models:\n  m:\n    canary: {backend: b, weight: 0.3}   # slowly\n    backends: {b: }\n",
            "models:\n  m:\n    # slowly\n    backends: {b: }\n",
        ),
        (
            "models:\n  m:\n    canary: # ramp\n      # c\n      backend: b # new\n      key: '#'\n\n    # x\n    q: 1\n",
            "models:\n  m:\n    # ramp\n    # c\n    # new\n\n    # x\n    q: 1\n",
        ),
        (
            "models: {m: {backend: a, canary: {backend: b, weight: 0.3}, backends: {a: }}} # x\n",
            "models: {m: {backend: a, backends: {a: }}} # x\n",
        ),
        (
            "models: {m: {backends: {a: }, canary: {backend: b, weight: 0.3}}}",
            "models: {m: {backends: {a: }}}",
        ),
        (
            "models: {m: {\n  canary: {backend: b},  # c\n  backends: {a: }}}\n",
            "models: {m: {\n  # c\n  backends: {a: }}}\n",
        ),
        (
            "models:\n  m:\n    canary: {backend: b,  # one\n      weight: 0.3 # two\n      } # three\n    backends: {a: }\n",
            "models:\n  m:\n    # one\n    # two\n    # three\n    backends: {a: }\n",
        ),
        (
            "models:\r\n  m:\r\n    backends: {a: }\r\n    canary:\r\n      backend: b\r\n      weight: 0.3  # w",
            "models:\r\n  m:\r\n    backends: {a: }\r\n    # w",
        ),
        ("models:\n  m:\n    canary:\n    backends: {a: }\n", "models:\n  m:\n    backends: {a: }\n"),
        ("models:\n  m:\n    backends: {a: }\n    canary: {backend: b}", "models:\n  m:\n    backends: {a: }\n"),
        (
            "models:\n  m:\n    backends: {a: }\n    canary:\n      backend: b\n# of the next\nother: 1\n",
            "models:\n  m:\n    backends: {a: }\n# of the next\nother: 1\n",
        ),
    ],
)
def test_a_key_goes_and_every_comment_stays(before: str, after: str) -> None:
    assert without(before) == after


@pytest.mark.parametrize(
    "canary", ["? canary\n    : {backend: b}", "canary: {backend: b,\n  weight: 1}, backend: a", "canary: [\n    1]\n    # c"]
)
def test_an_odd_form_is_removed_whole_or_refused_and_never_broken(tmp_path: Path, canary: str) -> None:
    text = f"models:\n  m:\n    {canary}\n    backends: {{b: }}\n"
    file = tmp_path / "turnout.yaml"
    file.write_text(text)

    try:
        switch_backend(file, "m", "b")
    except ConfigurationError:
        assert file.read_text() == text
    else:
        assert parse(file.read_text(), "x").values == {"models": {"m": {"backend": "b", "backends": {"b": None}}}}


def test_a_switch_removes_the_canary_and_names_it(tmp_path: Path) -> None:
    file = tmp_path / "turnout.yaml"
    file.write_text(
        "models:\n  m:\n    backend: a  # the line\n    canary: {backend: b, weight: 0.3}\n    backends: {a: , b: }\n"
    )

    change = switch_backend(file, "m", "b")

    assert change.canary == ("b", 0.3)
    assert re.search(r"was on 'a', is on 'b' now\nits canary was removed: 'b' had weight 0.3\n", str(change))
    assert file.read_text() == "models:\n  m:\n    backend: b  # the line\n    backends: {a: , b: }\n"


def test_a_switch_to_the_serving_backend_ends_its_canary(tmp_path: Path) -> None:
    file = tmp_path / "turnout.yaml"
    file.write_text("models:\n  m:\n    backend: a\n    canary: {backend: b, weight: 0.3}\n    backends: {a: , b: }\n")

    change = switch_backend(file, "m", "a")

    assert "model 'm' stays on 'a'\nits canary was removed" in str(change)
    assert "canary" not in file.read_text()
