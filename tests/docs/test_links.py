"""Every link between pages leads to a file, and a link leads to every page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.docs.test_code_blocks import ROOT

DOCS = sorted((ROOT / "docs").rglob("*.md"))
READMES = sorted(ROOT.glob("plugins/*/README.md"))
PAGES = [*sorted(ROOT.glob("*.md")), *DOCS, *READMES, ROOT / "core/README.md"]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")


def targets(page: Path, text: str) -> set[Path]:
    """Return the files and folders that the text of a page links to."""
    return {(page.parent / link).resolve() for link in LINK.findall(text)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    assert [target for target in targets(page, page.read_text("utf-8")) if not target.exists()] == []


def test_a_link_leads_to_every_page() -> None:
    linked = {target for page in PAGES for target in targets(page, page.read_text("utf-8"))}

    assert [page for page in (*DOCS, *READMES) if not linked & {page, page.parent}] == []


def test_a_planted_broken_link_is_found() -> None:
    [target] = targets(ROOT / "docs/how-to/page.md", "[one](gone.md#part) and [two](https://example.com/gone.md)")

    assert target == ROOT / "docs/how-to/gone.md"
    assert not target.exists()
