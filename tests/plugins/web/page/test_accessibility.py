"""The rules of axe-core on each view, light and dark, on a phone and on a desk."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from tests.plugins.web.kserve.running import Running
from tests.plugins.web.page.conftest import OpenPage

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def _violations(page: Page) -> list[Any]:
    # axe-core is a text that it evaluates, which the page's policy allows to no script of its own.
    results = Axe().run(page, options={"runOnly": {"type": "tag", "values": TAGS}})
    return [(one["id"], [node["html"][:160] for node in one["nodes"]]) for one in results.response["violations"]]


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_view_breaks_a_rule(open_page: OpenPage, scheme: str, width: int) -> None:
    page = open_page(width=width, color_scheme=scheme, bypass_csp=True)
    expect(page.get_by_label("question (optional)")).to_be_visible()
    assert _violations(page) == []

    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert _violations(page) == []

    page.get_by_label("Sample: Market").click()
    expect(page.locator(".box")).to_have_count(5)
    page.get_by_label("Compare two backends").check()
    page.get_by_label("Right backend").select_option("rough")
    page.locator("button.primary[type=submit]").click()
    expect(page.locator(".results[data-ready=yes] .comparison")).to_be_visible()
    assert _violations(page) == []

    page.get_by_role("link", name="Models").click()
    expect(page.locator(".card")).to_have_count(3)
    page.get_by_text("Evidence").first.click()
    assert _violations(page) == []


def test_the_dialog_for_the_token_breaks_no_rule(open_page: OpenPage, server_with_token: Running) -> None:
    page = open_page(address=server_with_token.address, bypass_csp=True)
    expect(page.get_by_role("dialog")).to_be_visible()

    assert _violations(page) == []


@pytest.mark.parametrize(
    ("planted", "rule"),
    [
        ("document.getElementById('try-title').style.color = '#ddd'", "color-contrast"),
        ("document.getElementById('input-question').labels[0].remove()", "label"),
        ("document.documentElement.removeAttribute('lang')", "html-has-lang"),
    ],
)
def test_a_planted_fault_is_found(open_page: OpenPage, planted: str, rule: str) -> None:
    page = open_page(bypass_csp=True, color_scheme="light")
    expect(page.get_by_label("question (optional)")).to_be_visible()

    page.evaluate(planted)

    assert rule in {name for name, _ in _violations(page)}
