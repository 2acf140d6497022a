"""``turnout switch --weight``; without it see ``test_other_commands.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def test_a_share_is_written_and_every_comment_kept(cli: Any, settings_file: Path) -> None:
    before = settings_file.read_text()

    ended = cli("switch", "first", "away", "--weight", "0.1")

    assert ended.code == 0
    assert "'away' serves 0.1 of the requests of model 'first' now; there was no canary" in ended.out
    assert ended.err == "next: turnout status\n"
    line = "    backend: plus    # the one line\n"
    assert settings_file.read_text() == before.replace(line, f"{line}    canary: {{backend: away, weight: 0.1}}\n")
    assert cli("check").code == 0


@pytest.mark.parametrize("weight", ["1.1", "-0.1", "nan", "much"])
def test_a_weight_that_is_no_share_changes_nothing(cli: Any, settings_file: Path, weight: str) -> None:
    before = settings_file.read_text()

    ended = cli("switch", "first", "away", f"--weight={weight}")

    assert (ended.code, ended.out) == (2, "")
    assert settings_file.read_text() == before
