"""``turnout switch``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


def test_switch_edits_the_one_line_and_keeps_every_comment(cli: Any, settings_file: Path) -> None:
    before = settings_file.read_text()

    ended = cli("switch", "first", "away", "--force")

    assert ended.code == 0
    assert "'first'" in ended.out
    assert ended.err.endswith("next: turnout check --deep\n")
    assert settings_file.read_text() == before.replace(
        "    backend: plus    # the one line", "    backend: away    # the one line"
    )


def test_switching_an_unknown_model_or_to_an_unknown_backend_changes_nothing(cli: Any, settings_file: Path) -> None:
    before = settings_file.read_text()

    wrong_backend, wrong_model = cli("switch", "first", "awey"), cli("switch", "frst", "away")

    assert (wrong_backend.code, wrong_model.code, wrong_backend.out + wrong_model.out) == (2, 2, "")
    assert "Did you mean 'away'?" in wrong_backend.err
    assert "Did you mean 'first'?" in wrong_model.err
    assert wrong_model.err.splitlines()[-1].startswith("next: turnout ")
    assert settings_file.read_text() == before


def test_a_share_is_written_and_every_comment_kept(cli: Any, settings_file: Path) -> None:
    before = settings_file.read_text()

    ended = cli("switch", "first", "away", "--weight", "0.1", "--force")

    assert ended.code == 0
    assert "'away' serves 0.1 of the requests of model 'first' now; there was no canary" in ended.out
    assert ended.err.endswith("\nnext: turnout status first\n")
    line = "    backend: plus    # the one line\n"
    assert settings_file.read_text() == before.replace(line, f"{line}    canary: {{backend: away, weight: 0.1}}\n")
    assert cli("check").code == 0


@pytest.mark.parametrize("weight", ["1.1", "-0.1", "nan", "much"])
def test_a_weight_that_is_no_share_changes_nothing(cli: Any, settings_file: Path, weight: str) -> None:
    before = settings_file.read_text()

    ended = cli("switch", "first", "away", f"--weight={weight}")

    assert (ended.code, ended.out) == (2, "")
    assert settings_file.read_text() == before


def test_a_switch_shows_what_serves_and_is_undone(cli: Any, settings_file: Path) -> None:
    before = settings_file.read_text()
    share, whole = (cli("switch", "first", "away", *more, "--force") for more in (["--weight", "0.3"], []))

    back, again = cli("switch", "first", "--back"), cli("switch", "first", "--back")

    assert share.out.endswith("first serves:\n  backend   plus\n  canary    away, weight 0.3\n")
    assert "its canary was removed: 'away' had weight 0.3\n" in whole.out
    assert whole.out.endswith("first serves:\n  backend   away\n")
    assert (back.code, back.out.endswith(share.out[-60:]), again.code) == (0, True, 0)
    assert settings_file.read_text() == before
    assert cli("switch", "first", "--back").code == 2


@pytest.mark.parametrize("arguments", [[], ["away", "--back"], ["--back", "--weight", "0.1"]])
def test_a_switch_names_a_backend_or_goes_back(cli: Any, settings_file: Path, arguments: list[str]) -> None:
    before = settings_file.read_text()

    ended = cli("switch", "first", *arguments)

    assert (ended.code, settings_file.read_text()) == (2, before)
    assert "name a BACKEND, with or without --weight, or give --version or --back alone" in ended.err


def test_a_dry_run_prints_json_and_writes_nothing(cli: Any, settings_file: Path) -> None:
    before = settings_file.read_text()

    ended = cli("switch", "first", "away", "--dry-run", "--json", "--force")

    report = json.loads(ended.out)
    assert (report["changed"], report["dry_run"], report["serves"]["backend"]) == (True, True, "away")
    assert settings_file.read_text() == before


def test_another_name_of_a_backend_is_written_as_its_own(cli: Any) -> None:
    file = Path("turnout.yaml")
    file.write_text("models:\n  m:\n    backend: kept\n    backends: {sum: , kept: }\n")

    ended = cli("switch", "m", "sum", "--force")

    assert ended.code == 0, ended.err
    assert "    backend: plus\n" in file.read_text()
    assert cli("verify", "m", "--against", "kept", "--shape", "x=3").code == 0
    assert cli("switch", "m", "summ").code == 2
