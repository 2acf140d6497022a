"""A model moves: two apps, a server and a Prometheus that watches them; shadow, canary, switch, and the server's death.

    python -m tests.deploy.story FOLDER      # in the environment .venvs/direct: also draws every dashboard into FOLDER

``birefnet`` moves from onnxruntime to triton. ``blip_caption`` is on triton with a fallback, ``blip_vqa`` on two servers, one
of which is dead. App "a" has two workers of gunicorn, app "b" is one process.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from prometheus_client.parser import text_string_to_metric_families
from tests.deploy.gunicorn_app import ROOT, GunicornApp
from tests.deploy.load import Load
from tests.deploy.processes import free_port, get, wait_until
from tests.deploy.prometheus_server import Prometheus, config

from turnout.errors import ConfigurationError

MODEL, OLD, NEW = "birefnet", "onnxruntime", "triton"
WEIGHT = 0.3
INTERVAL = "1s"
PICTURE = ROOT / "examples/pictures"

YAML = """
models:
  birefnet:
    backend: onnxruntime
    max_batch_size: 8
    dynamic_batching: {{max_queue_delay_microseconds: 1000}}
    max_in_flight: 64
    inputs: {{pixel_values: "FP32[3,128,128]"}}
    outputs: {{logits: "FP32[1,128,128]"}}
    retry: {{budget_ratio: 0.1}}
    backends:
      onnxruntime: {{path: model_repository/birefnet, intra_op_num_threads: 1}}
      triton: {{url: "{server}", timeout_seconds: 5}}
{shadow}
  blip_caption:
    backend: triton
    fallback: onnxruntime
    max_batch_size: 8
    dynamic_batching: {{max_queue_delay_microseconds: 1000}}
    backends:
      onnxruntime: {{path: model_repository/blip_caption, intra_op_num_threads: 1}}
      triton: {{url: "{server}", timeout_seconds: 5}}

  blip_vqa:
    record: {{directory: recordings, fraction: 0.5}}
    backend: triton
    max_batch_size: 8
    backends:
      triton: {{url: ["{server}", "{dead}"], timeout_seconds: 5}}

pipelines:
  describe:
    - load_image
    - segment_regions: {{model: birefnet, processor: examples/checkpoints/segmenter}}
    - caption: {{model: blip_caption, processor: examples/checkpoints/captioner}}
    - answer: {{model: blip_vqa, processor: examples/checkpoints/answerer, question: "what colour is it?"}}
"""
SHADOW = """
    shadow:
      backend: triton
      fraction: 1.0
      tolerance: {atol: 1.0e-3}
      promote_when: {comparisons: 20, mismatch_ratio: 0, p95_ratio: 1000}
"""

Counters = dict[tuple[str, frozenset[tuple[str, str]]], float]


@dataclass(frozen=True)
class Phase:
    """A part of the story between two moments when nothing runs.

    Attributes:
        name: what the model does.
        start: before its first request.
        quiet: after its last request.
        end: after the scrape that follows it.
        counters: of each app at its end.
    """

    name: str
    start: float
    quiet: float
    end: float
    counters: dict[str, Counters]


@dataclass
class Story:
    """The apps, the server and the Prometheus, and what happened so far."""

    folder: Path
    settings: Path
    server: Any
    prometheus: Prometheus
    apps: Sequence[GunicornApp]
    phases: list[Phase] = field(default_factory=list)
    dead: str = ""

    def phase(self, name: str) -> Phase:
        [found] = [phase for phase in self.phases if phase.name == name]
        return found

    def before(self, name: str) -> Phase:
        """Return the phase before ``name``."""
        return self.phases[self.phases.index(self.phase(name)) - 1]

    def grown(self, phase: str, metric: str, *, app: str = "", **labels: str) -> float:
        """Return by how much counters grew in a phase, in one app or both, by the apps' own metrics."""
        return counted(self.phase(phase), metric, app=app, **labels) - counted(self.before(phase), metric, app=app, **labels)

    def window(self, phase: str) -> float:
        """Return the seconds before the end of a phase that begin with a scrape of the counters at its start."""
        return self.phase(phase).end - self.before(phase).quiet

    def write(self, shadow: str = "") -> None:
        """Write turnout.yaml."""
        self.settings.write_text(YAML.format(server=self.server.grpc_url, dead=self.dead, shadow=shadow))

    def switch(self, *arguments: str) -> None:
        """Type ``turnout switch birefnet ...``."""
        command = [Path(sys.executable).with_name("turnout"), "switch", MODEL, *arguments, "--config", self.settings]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert ran.returncode == 0, ran.stderr

    def reload(self) -> None:
        """Reload every process of both apps."""
        for app in self.apps:
            pids: set[bytes] = set()

            def all_reloaded(app: GunicornApp = app, pids: set[bytes] = pids) -> bool:
                pids.add(get(f"{app.url}/reload", 60))
                return len(pids) == app.workers

            wait_until(all_reloaded, seconds=60, what="a reload of each worker")
        # A new series is counted from its first scrape on: this one has its zeros.
        self.prometheus.wait_for_next_scrape("turnout")

    def let(self, name: str, seconds: float) -> None:
        """Run a load for ``seconds``, then wait until nothing runs and Prometheus has the last counters."""
        start = time.time()
        with ExitStack() as loads:
            for app, callers in zip(self.apps, (2, 1), strict=True):
                loads.enter_context(Load(addresses(app), callers=callers))
            time.sleep(seconds)
        self._settle()
        quiet = time.time()
        end = self.prometheus.wait_for_next_scrape("turnout")
        self.phases.append(Phase(name, start, quiet, end, {app.address: counters(app) for app in self.apps}))

    def _settle(self) -> None:
        """Wait until no counter changes, those of the shadow included."""

        def is_quiet() -> bool:
            before = [counters(app) for app in self.apps]
            time.sleep(0.3)
            return before == [counters(app) for app in self.apps]

        wait_until(is_quiet, what="the end of all requests")


def addresses(app: GunicornApp) -> Callable[[int], str]:
    """Return the load of an app: mostly tensors of the model that moves, some pictures, and a few wrong requests."""
    pictures = sorted(PICTURE.glob("*.png"))

    def address(number: int) -> str:
        if number % 8 == 3:
            return f"{app.url}/run?pipeline=describe&image={quote(str(pictures[number % len(pictures)]))}"
        if number % 40 == 5:
            return f"{app.url}/run?pipeline=describe&image={quote(str(ROOT / 'README.md'))}"
        if number % 40 == 7:
            return f"{app.url}/infer?model={MODEL}&shape=1,3,5,5"
        return f"{app.url}/infer?model={MODEL}&seed={number}"

    return address


def counters(app: GunicornApp) -> Counters:
    """Return the counters, and the buckets of histograms, that an app exports."""
    families = text_string_to_metric_families(get(f"{app.url}/metrics").decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        if family.type in {"counter", "histogram"} and family.name.startswith("turnout_")
        for sample in family.samples
    }


def counted(phase: Phase, metric: str, *, app: str = "", **labels: str) -> float:
    """Return the sum of counters at the end of a phase, of one app or both."""
    return sum(
        value
        for address, one in phase.counters.items()
        if app in ("", address)
        for (name, pairs), value in one.items()
        if name == metric and labels.items() <= dict(pairs).items()
    )


def has_ports(server: Any) -> bool:
    """Return whether the server has reserved its ports."""
    try:
        return bool(server.ports)
    except ConfigurationError:
        return False


@contextmanager
def running(folder: Path) -> Iterator[Story]:
    """Yield a story that has not begun: everything runs, ``birefnet`` is on onnxruntime."""
    from turnout_triton.server import LocalServer, ServerOptions

    with ExitStack() as stack:
        server = LocalServer(ROOT / "model_repository", ServerOptions(grace_seconds=0))
        stack.callback(server.close)
        # The apps start meanwhile: they open no model before its first request.
        started = stack.enter_context(ThreadPoolExecutor(1)).submit(server.start)
        wait_until(lambda: has_ports(server) or started.done(), what="the ports of the server")
        for name in ("examples", "model_repository"):
            (folder / name).symlink_to(ROOT / name)
        story = Story(folder, folder / "turnout.yaml", server, None, (), dead=f"127.0.0.1:{free_port()}")  # type: ignore[arg-type]
        story.write()
        story.apps = [
            stack.enter_context(GunicornApp(folder / "a", story.settings, workers=2)),
            stack.enter_context(GunicornApp(folder / "b", story.settings, workers=1)),
        ]
        started.result()
        jobs = {"turnout": [app.address for app in story.apps], "triton": [f"127.0.0.1:{server.ports.metrics}"]}
        story.prometheus = stack.enter_context(Prometheus(folder, config(jobs, interval=INTERVAL)))
        yield story


def move(story: Story, seconds: float = 3) -> None:
    """Move ``birefnet`` from onnxruntime to triton, then kill the server."""
    story.let("opening", 1)
    story.let("old", seconds)
    story.write(SHADOW)
    story.reload()
    story.let("shadow", seconds)
    story.switch(NEW, "--weight", str(WEIGHT))
    story.reload()
    story.let("canary", seconds)
    story.switch(NEW)
    story.reload()
    story.let("new", seconds)
    story.server.kill()
    story.let("server killed", seconds)


def main(folder: str) -> None:
    """Tell the story slowly and draw it."""
    from tempfile import TemporaryDirectory

    from deploy.grafana.draw_panels import draw

    with TemporaryDirectory() as temporary, running(Path(temporary)) as story:
        move(story, 15)
        draw(story.prometheus.url, story.phases[0].end, story.phases[-1].end, Path(folder), window_seconds=5)


if __name__ == "__main__":
    main(*sys.argv[1:])
