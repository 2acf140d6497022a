"""Shortened rules are the same rules with other durations."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from deploy.prometheus.shorten import RULES, shorten, write_shortened
from tests.deploy.promtool import promtool
from tests.deploy.rule_files import FILES, rules_in

DURATION = re.compile(r"\b\d+(?:ms|s|m|h|d)\b")


def test_all_rule_files_shortened_are_valid(tmp_path: Path) -> None:
    written = write_shortened(tmp_path / "rules", 60)

    checked = promtool("check", "rules", *written)

    assert [file.name for file in written] == [file.name for file in FILES]
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_only_durations_differ() -> None:
    for file in FILES:
        text = file.read_text("utf-8")
        short = shorten(text, 60)

        for before, after in zip(rules_in(text), rules_in(short), strict=True):
            assert after.name == before.name
            assert DURATION.sub("?", after.expression) == DURATION.sub("?", before.expression)
            assert after.annotations == before.annotations
        minutes = re.findall(r"(?:\[|:|for: |offset |interval: )\d+[mhd]\b", short)
        assert minutes == [], f"{file.name} has durations that are not divided"


def test_durations_of_every_kind_are_divided_and_names_are_not() -> None:
    text = "expr: sum_over_time(a:rate5m[6h:1h] offset 10m) + b:ratio3d[1m]\nfor: 2m\ninterval: 1m\n# 10m"

    assert (
        shorten(text, 60) == "expr: sum_over_time(a:rate5m[360s:60s] offset 10s) + b:ratio3d[1s]\nfor: 2s\ninterval: 1s\n# 10m"
    )
    assert "[1500ms]" in shorten("[1m]", 40)


def test_a_factor_that_is_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match="1m divided by 1e"):
        shorten("[1m]", 1e6)


def test_the_command_writes_the_files(tmp_path: Path) -> None:
    def type_in(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(RULES / "shorten.py"), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    refused = type_in("--by", "0", "--into", str(tmp_path / "none"))
    written = type_in("--by", "60", "--into", str(tmp_path / "rules"))

    assert (refused.returncode, refused.stderr.splitlines()[-1]) == (2, "shorten.py: error: --by must be 1 or more, got 0")
    assert written.returncode == 0, written.stderr
    assert len(list((tmp_path / "rules").iterdir())) == len(FILES)
