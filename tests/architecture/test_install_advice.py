"""Messages name packages that pip finds: Turnout's own distributions are installed from where the core came from.

Only ``plugins/known.py`` knows that place; a plugin's message names the package that is missing.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.architecture.test_neutral_core import texts

ROOT = Path(__file__).parents[2]
FILES = sorted({*ROOT.glob("core/src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")})
OWN = re.compile(r"pip install [^;,]*\bturnout\b")


def offers_own_distribution(source: str) -> bool:
    return any(OWN.search(text) for text in texts(source))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_message_installs_a_distribution_of_turnout_by_name(file: Path) -> None:
    assert not offers_own_distribution(file.read_text("utf-8"))


@pytest.mark.parametrize("planted", ["pip install turnout-direct", "type: pip install 'turnout-vision[heif]', or not"])
def test_a_planted_message_is_found(planted: str) -> None:
    assert offers_own_distribution(f'x = f"{planted} {{1}}"')
