"""Lines of text on the page in a real Chromium: their outlines over the picture, and a table."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from tests.plugins.web.kserve.running import Running, running
from tests.plugins.web.page.conftest import OpenPage, run_picture
from tests.plugins.web.page.text_steps import HOSTILE, text_plugins

import turnout
from turnout.metrics import Metrics
from turnout_vision.drawing.colors import region_color


@pytest.fixture
def text_server(request: pytest.FixtureRequest) -> Iterator[Running]:
    settings = {"pipelines": {"look": ["load_image", *request.param]}}
    with turnout.open(settings, plugins=text_plugins(), metrics=Metrics(), listen=False) as app, running(app) as server:
        yield server


def run(page: Page, folder: Path) -> Locator:
    file = folder / "gray.png"
    Image.fromarray(np.full((180, 240, 3), 128, np.uint8)).save(file)
    return run_picture(page, file, "240")


def pixels_of(results: Locator) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Return height x width x RGBA of the layer over the picture."""
    values = results.locator("canvas.masks").evaluate(
        "(canvas) => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]"
    )
    return np.array(values, np.int64).reshape(180, 240, 4)


@pytest.mark.parametrize("text_server", [["find", "read"]], indirect=True)
def test_lines_that_were_read_are_outlined_with_their_texts(open_page: OpenPage, text_server: Running, tmp_path: Path) -> None:
    page = open_page(address=text_server.address, bypass_csp=True)
    results = run(page, tmp_path)

    pixels = pixels_of(results)
    for index, (x, y) in enumerate([(70, 20), (110, 110)]):
        assert np.abs(pixels[y - 1 : y + 2, x, :3] - region_color(index)).max(axis=1).min() <= 2, "a side of the outline"
    # Inside of both lines, and in the box around the slanted one, but outside of it.
    assert [pixels[y, x, 3] for x, y in ((70, 35), (118, 122), (65, 85), (170, 160))] == [0, 0, 0, 0]
    expect(results.locator(".outline")).to_have_count(0)
    expect(results.locator(".label")).to_contain_text([HOSTILE, "正品促销"])
    figure = results.get_by_role("img", name="Result: 2 lines of text; the table below has them.")
    expect(figure).to_be_visible()
    table = results.get_by_role("table", name="Lines of text (text_lines)")
    expect(table.get_by_role("row")).to_have_count(3)
    expect(table.get_by_role("row").nth(1)).to_contain_text(f"{HOSTILE}0.9820, 20 · 120, 20 · 120, 50 · 20, 50")
    rules = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]}}
    assert Axe().run(page, options=rules).response["violations"] == []
    if screenshot := os.environ.get("TURNOUT_SCREENSHOT"):
        page.screenshot(path=screenshot, full_page=True)


@pytest.mark.parametrize("text_server", [["find"]], indirect=True)
def test_lines_that_were_only_found_are_outlined_without_texts(
    open_page: OpenPage, text_server: Running, tmp_path: Path
) -> None:
    results = run(open_page(address=text_server.address, width=390), tmp_path)

    assert np.abs(pixels_of(results)[19:22, 70, :3] - region_color(0)).max(axis=1).min() <= 2
    table = results.get_by_role("table", name="Lines of text (text_regions)")
    expect(table.get_by_role("row").nth(2)).to_contain_text("2not read0.75")
