"""The apps of examples/ as their servers run them, in a copy of a reader's checkout, and callers that compare every answer."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families
from tests.deploy.processes import Process, free_port, get, wait_until

ROOT = Path(__file__).parents[2]
PICTURES = sorted(path for path in (ROOT / "examples/pictures").iterdir() if path.suffix in {".png", ".jpg"})
QUESTION = "what color is it?"
# Of the pixels of a mask: a logit near 0 may have another sign on another runtime.
SAME = 0.999
CHECKPOINTS = {"captioner": "blip_caption", "answerer": "blip_vqa", "segmenter": "birefnet"}


class Checkout:
    """A folder as a reader has it: a copy of one app, with the checkpoints, pictures and model repository of this checkout."""

    def __init__(self, folder: Path, app: str) -> None:
        self.folder, self.app = folder, folder / "examples" / app
        shutil.copytree(ROOT / "examples" / app, self.app, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("checkpoints", "pictures"):
            (folder / "examples" / name).symlink_to(ROOT / "examples" / name)
        # The same file system, so that the server and the app see one repository.
        shutil.copytree(ROOT / "model_repository", self.app / "after/model_repository")
        self.settings = self.app / "after/turnout.yaml"
        self.port, self.metrics_port = free_port(), free_port()

    def offer(self, url: str) -> None:
        """Add the two other backends of each model, and a port for scrapes, as an operator does; the serving one stays."""
        text = re.sub(
            r"^( +)direct: .*checkpoints/(\w+).*$", lambda found: others(found, url), self.settings.read_text(), flags=re.M
        )
        self.replace(f"metrics: {{port: {self.metrics_port}}}\n{text}")

    def move(self, backend: str, fallback: str = "") -> None:
        """Let every model be served by ``backend``: change its line in turnout.yaml."""
        lines = f"    backend: {backend}\n" + (f"    fallback: {fallback}\n" if fallback else "")
        self.replace(re.sub(r"^    backend: \w+\n(    fallback: \w+\n)?", lines, self.settings.read_text(), flags=re.M))

    def replace(self, text: str) -> None:
        """Replace turnout.yaml as an editor does, whole."""
        other = self.settings.with_suffix(".new")
        other.write_text(text)
        other.rename(self.settings)

    def answered(self, backend: str) -> float:
        """Return how many requests a backend has answered, by the metrics of all workers."""
        return self.count("turnout_inference_requests_total", backend=backend, outcome="ok")

    def count(self, metric: str, **labels: str) -> float:
        """Return the sum of a metric's samples with these labels; 0 before the first scrape is answered."""
        try:
            text = get(f"http://127.0.0.1:{self.metrics_port}/metrics").decode()
        except OSError:
            return 0
        samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
        return sum(one.value for one in samples if one.name == metric and labels.items() <= one.labels.items())


def others(found: re.Match[str], url: str) -> str:
    """Return the line of a model's direct backend with the lines of the two others below it."""
    indent, name = found[1], CHECKPOINTS[found[2]]
    served = f"{indent}onnxruntime: {{path: model_repository/{name}, intra_op_num_threads: 1}}\n"
    return f'{found[0]}\n{served}{indent}triton: {{url: "{url}", timeout_seconds: 10}}'


def gunicorn(folder: Path, *arguments: str, port: int) -> Process:
    """Start gunicorn with the shipped configuration on ``app.py`` of a folder."""
    conf = ROOT / "deploy/gunicorn/gunicorn.conf.py"
    command = [sys.executable, "-m", "gunicorn", "--config", str(conf), "--chdir", str(folder), *arguments, "app:app"]
    return start(command, folder, {"BIND": f"127.0.0.1:{port}"})


def uvicorn(folder: Path, *arguments: str, port: int) -> Process:
    """Start uvicorn on ``app.py`` of a folder, with a folder for the metrics of its workers."""
    metrics = folder / "metrics"
    metrics.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "uvicorn", "app:app", "--app-dir", str(folder), "--port", str(port), *arguments]
    return start(command, folder, {"PROMETHEUS_MULTIPROC_DIR": str(metrics)})


def gradio(folder: Path, *, port: int) -> Process:
    """Start an app of Gradio as its README says: python app.py."""
    command = [sys.executable, str(folder / "app.py")]
    return start(command, folder, {"GRADIO_SERVER_PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "False"})


def start(command: Sequence[str], folder: Path, environment: dict[str, str]) -> Process:
    """Start a process with its log and its temporary files in ``folder``, and with the sources of this checkout."""
    paths = os.pathsep.join([*(path for path in sys.path if path.endswith("/src")), os.environ.get("PYTHONPATH", "")])
    base = {"TMPDIR": str(folder), "HF_HUB_OFFLINE": "1", "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    return Process(command, folder / "log", base | environment)


def wait_for_port(app: Process, port: int) -> None:
    """Wait until something accepts connections on a port; the test fails if the process ends before."""

    def accepts() -> bool:
        assert app.running, app.log.read_text()[-4000:]
        with socket.socket() as caller:
            return caller.connect_ex(("127.0.0.1", port)) == 0

    wait_until(accepts, seconds=150, what=f"port {port}")


def children(app: Process) -> list[int]:
    """Return the processes that an app has started."""
    return [int(pid) for pid in Path(f"/proc/{app.pid}/task/{app.pid}/children").read_text().split()]


def has_torch(pid: int) -> bool:
    """Return whether a process has loaded torch."""
    return "libtorch" in Path(f"/proc/{pid}/maps").read_text()


def boxes(picture: Path) -> list[list[int]]:
    """Return the boxes beside a picture."""
    regions = json.loads(picture.with_suffix(".regions.json").read_text())["regions"]
    return [region["box"] for region in regions]


def post(url: str, picture: Path, **fields: str) -> httpx.Response:
    """Send a picture with its boxes, as a form of a page does."""
    form = {"boxes": json.dumps(boxes(picture))} | fields
    return httpx.post(url, files={"image": (picture.name, picture.read_bytes())}, data=form, timeout=60)


def read_mask(text: str) -> Any:
    """Return a mask, bool [height, width], from its PNG in base64."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


def check_objects(expected: list[dict[str, Any]], given: list[dict[str, Any]]) -> None:
    """Compare boxes, captions and masks."""
    assert [(one["box"], one["caption"]) for one in given] == [(one["box"], one["caption"]) for one in expected]
    for one, other in zip(expected, given, strict=True):
        agreement = np.mean(read_mask(one["mask"]) == read_mask(other["mask"]))
        assert agreement >= SAME, (one["caption"], agreement)


class Callers:
    """Threads that send requests until the end of a block, and check every answer.

    Attributes:
        kinds: the number of right answers, and of the errors by their class.
        wrong: the texts of the errors.
    """

    def __init__(self, ask: Callable[[int], None], count: int = 3) -> None:
        """Create callers; ``ask`` sends the n-th request, and raises unless the answer is right."""
        self.kinds: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._ask, self._count = ask, count
        self._ended = threading.Event()

    @property
    def answers(self) -> int:
        """The number of right answers."""
        return self.kinds["right"]

    @contextmanager
    def at_work(self) -> Iterator[Callers]:
        """Let the callers send requests until the end of the block."""
        threads = [
            threading.Thread(target=self._call, args=(number,), name=f"caller-{number}") for number in range(self._count)
        ]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            for thread in threads:
                thread.join(90)

    def go_on(self, requests: int = 6) -> None:
        """Wait for this many more right answers."""
        enough = self.answers + requests
        wait_until(lambda: self.answers >= enough or self.wrong, seconds=90, what=f"{requests} answers")

    def _call(self, number: int) -> None:
        while not self._ended.wait(0.1):
            try:
                self._ask(number)
            except Exception as error:  # noqa: BLE001  # whatever it is, the test shows it
                self.kinds[type(error).__name__] += 1
                self.wrong.append(f"{type(error).__name__}: {error}"[:2000])
            else:
                self.kinds["right"] += 1
            number += self._count
