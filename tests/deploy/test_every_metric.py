"""Every metric of docs/reference/metrics.md exists in a real scrape of an app that uses everything, and no other."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import turnout
from turnout.metrics import Metrics

server_room = pytest.importorskip("turnout_triton.server")

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/reference/metrics.md"
PICTURE = ROOT / "examples/pictures/harbour.png"
PROMTOOL = shutil.which("promtool")
LIMIT_SECONDS = 30
# Those of hardware that a test machine need not have.
OPTIONAL = re.compile("turnout_gpu_")


def families_of_page(page: str) -> set[str]:
    table = page.partition("<!-- begin families")[2].partition("<!-- end families -->")[0]
    return {name for name in re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) if not OPTIONAL.match(name)}


def families_of_scrape(text: str) -> set[str]:
    """Return the families that have a series."""
    found = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if line and line[0] != "#"}
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    histograms = {name for name, kind in kinds.items() if kind == "histogram"}
    parts = {f"{name}{end}": name for name in histograms for end in ("_bucket", "_sum", "_count")}
    return {parts.get(name, name) for name in found}


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield a scrape of the demo, whose models have everything between a caller and a backend."""
    with server_room.LocalServer(ROOT / "model_repository", server_room.ServerOptions(grace_seconds=0)) as server:
        folder, port = tmp_path_factory.mktemp("app"), free_port()
        write_settings(folder, server.grpc_url, port)
        with turnout.open(folder / "turnout.yaml", metrics=Metrics()) as app:
            for _ in range(2):
                app.run("describe", image=str(PICTURE), timeout_seconds=LIMIT_SECONDS)
            yield scrape_until_complete(port)


def write_settings(folder: Path, grpc_url: str, port: int) -> None:
    settings: Any = YAML(typ="safe").load((ROOT / "turnout.yaml").read_text())
    for part in ("model_repository", "examples"):
        (folder / part).symlink_to(ROOT / part)
    guards: dict[str, Any] = {"circuit_breaker": {}, "retry": {}, "max_in_flight": 64}
    extra: dict[str, dict[str, Any]] = {
        "birefnet": {"backend": "triton", "fallback": "onnxruntime", "record": {"directory": "recordings", "fraction": 1.0}},
        "blip_caption": {"backend": "onnxruntime", "canary": {"backend": "triton", "weight": 0.5}},
        "blip_vqa": {"backend": "onnxruntime", "shadow": {"backend": "triton", "fraction": 1.0}},
    }
    for name, model in settings["models"].items():
        port_of_server = grpc_url.rpartition(":")[2]
        urls = [f"{host}:{port_of_server}" for host in ("127.0.0.1", "localhost")]
        model["backends"]["triton"] |= {"url": urls, "shared_memory_threshold_bytes": 1}
        model.update(guards | extra[name])
    settings["metrics"] = {"port": port}
    (folder / "turnout.yaml").write_text(json.dumps(settings))


def scrape_until_complete(port: int) -> str:
    """Return a scrape that has every family of the page, or the last one: some are written by threads."""
    end = time.monotonic() + LIMIT_SECONDS
    while True:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=LIMIT_SECONDS) as answer:
            text: str = answer.read().decode()
        if families_of_page(PAGE.read_text()) <= families_of_scrape(text) or time.monotonic() > end:
            return text
        time.sleep(0.2)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def test_the_page_and_the_scrape_have_the_same_metrics(scraped: str) -> None:
    page, scrape = families_of_page(PAGE.read_text()), families_of_scrape(scraped)

    assert (page - scrape, scrape - page) == (set(), set())


def test_a_row_without_a_metric_and_a_metric_without_a_row_are_found(scraped: str) -> None:
    page = PAGE.read_text()
    planted = page.replace("| `turnout_batch_size` |", "| `turnout_planted` |")

    assert families_of_page(planted) ^ families_of_scrape(scraped) == {"turnout_batch_size", "turnout_planted"}


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed; it comes with Debian's package prometheus")
def test_promtool_has_nothing_to_say_about_the_scrape(scraped: str) -> None:
    assert check(scraped) == (0, "")
    assert check(scraped.replace("turnout_batch_size", "turnoutBatch-size"))[0] != 0


def check(text: str) -> tuple[int, str]:
    done = subprocess.run(
        [str(PROMTOOL), "check", "metrics"], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr
