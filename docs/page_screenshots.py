"""Screenshots of the page, in docs/how-to/use-the-page: a real server, a real Chromium.

Run it from the repository's folder: ``.venvs/web/bin/python -m docs.page_screenshots``. The second backend of the comparison is
the one of the page's tests: ONNX Runtime on pictures that are rounded to few levels, so that there is something to mark.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from tests.plugins.web.page.rough_backend import demo_settings, install_rough_backend

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs/how-to/use-the-page"
CHROMIUM = "/usr/bin/chromium"
WIDE, PHONE = (1440, 1000), (390, 844)
# A screenshot has few colors, but for the picture in it.
COLORS = 256


@contextmanager
def served(config: Path, plugins: Path) -> Iterator[str]:
    """Yield the address of ``turnout serve`` with the settings in ``config`` and the plugins in ``plugins``."""
    path = os.pathsep.join([str(plugins), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [str(Path(sys.executable).with_name("turnout")), "serve", "--port", "0", "--config", str(config)]
    environment = {**os.environ, "PYTHONPATH": path}
    server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert server.stdout is not None
        for line in server.stdout:
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                yield found[0]
                break
    finally:
        server.terminate()
        server.wait(20)


def open_view(browser: Browser, address: str, size: tuple[int, int], scheme: Any) -> Page:
    phone = size == PHONE
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,
        is_mobile=phone,
        has_touch=phone,
        device_scale_factor=2 if phone else 1,
    )
    page = context.new_page()
    page.goto(address)
    return page


def run(page: Page) -> None:
    """Run twice: the first run loads the models."""
    for _ in range(2):
        page.locator("button.primary[type=submit]").click()
        page.locator(".results[data-ready=yes]").wait_for()
    if page.viewport_size == {"width": PHONE[0], "height": PHONE[1]}:
        page.locator(".output").evaluate("element => element.scrollIntoView()")
    else:
        page.evaluate("scrollTo(0, 0)")
    page.mouse.move(0, 0)


def save(page: Page, name: str, height: int | None = None) -> None:
    """Save what the window shows; with ``height``, that many pixels of the whole page."""
    clip = None if height is None else {"x": 0, "y": 0, "width": WIDE[0], "height": height}
    picture = Image.open(io.BytesIO(page.screenshot(full_page=height is not None, clip=clip)))
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{name}.png"
    picture.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE).save(file, optimize=True)
    print(f"{file.relative_to(ROOT)}: {picture.width} x {picture.height}, {file.stat().st_size // 1000} kB")


def try_and_compare(page: Page, name: str) -> None:
    page.get_by_label("Sample: Dusk").click()
    page.locator(".box").first.wait_for()
    run(page)
    save(page, f"try-{name}", 1330 if name == "wide" else None)
    page.get_by_label("Compare two backends").check()
    page.get_by_label("Right backend").select_option("rough")
    run(page)
    save(page, f"compare-{name}", 1330 if name == "wide" else None)


def show_models(page: Page, name: str) -> None:
    page.get_by_label("Sample: Dusk").click()
    page.locator(".box").first.wait_for()
    run(page)
    page.get_by_role("link", name="Models").click()
    page.locator(".card").first.wait_for()
    page.get_by_text("Evidence").first.click()
    page.mouse.move(0, 0)
    save(page, f"models-{name}")


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        plugins, config = install_rough_backend(Path(temporary) / "plugins"), Path(temporary) / "turnout.yaml"
        config.write_text(demo_settings(ROOT), "utf-8")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for settings, show in ((config, try_and_compare), (ROOT / "turnout.yaml", show_models)):
            with served(settings, plugins) as address:
                show(open_view(browser, address, WIDE, "light"), "wide")
                show(open_view(browser, address, PHONE, "dark"), "phone")
        browser.close()


if __name__ == "__main__":
    main()
