"""Fixtures: a server of the demo's models on two backends, and a real Chromium that may reach nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright
from tests.plugins.web.kserve.running import Running, running
from tests.plugins.web.page.rough_backend import demo_settings, install_rough_backend

import turnout
from turnout.metrics import Metrics
from turnout_web.settings import ServeSettings

ROOT = Path(__file__).parents[4]
CHROMIUM = "/usr/bin/chromium"
WAIT_MILLISECONDS = 20_000

OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[turnout.Turnout]:
    folder = tmp_path_factory.mktemp("demo")
    sys.path.insert(0, str(install_rough_backend(folder / "plugins")))
    (folder / "turnout.yaml").write_text(demo_settings(ROOT), "utf-8")
    with turnout.open(folder / "turnout.yaml", metrics=Metrics()) as app:
        yield app
    sys.path.remove(str(folder / "plugins"))


@pytest.fixture(scope="session")
def server(demo: turnout.Turnout) -> Iterator[Running]:
    with running(demo) as server:
        yield server


@pytest.fixture(scope="session")
def server_with_token(demo: turnout.Turnout) -> Iterator[Running]:
    with running(demo, ServeSettings(token="the-token-of-this-test")) as server:
        yield server


@pytest.fixture(scope="session")
def missing_server() -> Iterator[Running]:
    """A server of one model whose turnout.yaml has a backend that is not installed."""
    arms = {"onnxruntime": {"path": str(ROOT / "model_repository/birefnet")}, "direct": {"loader": "transformers"}}
    model = {"backend": "onnxruntime", "max_batch_size": 8, "backends": arms}
    step = {"segment_regions": {"model": "birefnet", "processor": str(ROOT / "examples/checkpoints/segmenter")}}
    settings = {"models": {"birefnet": model}, "pipelines": {"describe": ["load_image", step]}}
    with turnout.open(settings, metrics=Metrics(), listen=False) as app, running(app) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Yield a browser for the tests of a module: while it runs, this thread has an event loop, and ``asyncio.run`` fails."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"{CHROMIUM} is not installed; apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, server: Running) -> Iterator[OpenPage]:
    """Return what opens the page; no script of it may fail, and it may ask no other address."""
    contexts: list[BrowserContext] = []
    found: list[str] = []

    def opened(view: str = "", address: str = server.address, width: int = 1440, faults: bool = True, **more: Any) -> Page:
        phone = width < 600
        size = {"width": width, "height": 844 if phone else 1000}
        context = browser.new_context(viewport=size, is_mobile=phone, has_touch=phone, **more)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MILLISECONDS)
        if faults:
            page.on("pageerror", lambda error: found.append(str(error)))
            page.on("console", lambda message: found.append(message.text) if _is_fault(message) else None)
            page.on("request", lambda request: None if _is_own(request.url, address) else found.append(request.url))
        page.goto(f"http://{address}/{view}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert found == []


def run_picture(page: Page, file: Path, shown: str) -> Locator:
    """Choose ``file``, run the pipeline on it when its hint says ``shown``, and return the results."""
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Choose a file").click()
    chosen.value.set_files(file)
    expect(page.locator(".picture .hint").first).to_contain_text(shown)
    page.locator("button.primary[type=submit]").click()
    expect(page.locator(".results[data-ready=yes]")).to_be_visible()
    return page.locator(".results")


def _is_fault(message: Any) -> bool:
    # Chromium reports each answer of 400 and above, and advises a test that reads a canvas.
    harmless = "Failed to load resource", "willReadFrequently"
    return message.type in ("error", "warning") and not any(text in message.text for text in harmless)


def _is_own(url: str, address: str) -> bool:
    return url.startswith((f"http://{address}/", f"blob:http://{address}/", "data:image/png;base64,"))
