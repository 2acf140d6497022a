"""Every claim about security names its test, and the test is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGES = ["SECURITY.md", "docs/explanation/security.md"]
NAMES = re.compile(r"`((?:tests|benchmarks)/[\w/.]*|(?!model\.py)\w+\.py)`")  # model.py is a file of Triton


def missing_tests(text: str) -> list[str]:
    """Return the names of tests in ``text`` that are no files; one without a folder is in that of the name before it."""
    missing, folder = [], ROOT
    for name in NAMES.findall(text):
        file = ROOT / name if "/" in name else folder / name
        if not file.exists():
            missing.append(name)
        elif "/" in name:
            folder = file if file.is_dir() else file.parent
    return missing


def claims(text: str) -> list[str]:
    """Return the rows of the tables whose last column is the test of a claim."""
    rows = re.findall(r"^\| (?:claim|format) \|.*\btest \|\n\|[-|]+\|\n((?:\|.*\n?)+)", text, re.MULTILINE)
    return [row for table in rows for row in table.strip().splitlines()]


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_a_page_names_is_there(page: str) -> None:
    text = "\n".join(line for line in (ROOT / page).read_text().splitlines() if "tests/" in line or "benchmarks/" in line)

    assert missing_tests(text) == []


@pytest.mark.parametrize("page", PAGES)
def test_every_claim_names_a_test(page: str) -> None:
    found = claims((ROOT / page).read_text())

    assert len(found) > 5
    yours = [row for row in found if row.startswith("| turnout.yaml, `factory:`")]  # no claim: it is the user's own
    assert [row for row in found if not NAMES.search(row) and row not in yours] == []


def test_a_claim_without_its_test_is_reported() -> None:
    assert missing_tests("| it is safe | `tests/docs/test_links.py`, `test_none.py`, `tests/none/test_links.py` |") == [
        "test_none.py",
        "tests/none/test_links.py",
    ]
    assert claims("| claim | test |\n|---|---|\n| it is safe | |\n") == ["| it is safe | |"]
