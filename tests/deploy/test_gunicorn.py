"""The app of docs/how-to/run-it-under-gunicorn-and-uvicorn.md, run by a real gunicorn with the shipped file."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/how-to/run-it-under-gunicorn-and-uvicorn.md"
CONF = ROOT / "deploy/gunicorn/gunicorn.conf.py"
LIMIT_SECONDS = 60
IN_FLIGHT = "turnout_inference_in_flight"
ANSWERED = "turnout_inference_requests_total"


def block(language: str, number: int = 0) -> str:
    blocks: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return blocks[number]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_until(holds: Callable[[], bool], log: Path) -> None:
    end = time.monotonic() + LIMIT_SECONDS
    while not holds():
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.05)


class Service:
    """A running gunicorn or uvicorn, with the ports of its app and of its metrics."""

    def __init__(self, process: subprocess.Popen[str], port: int, metrics_port: int, log: Path) -> None:
        self.process, self.port, self.metrics_port, self.log = process, port, metrics_port, log

    def ask(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=LIMIT_SECONDS) as answer:
                return b'"mean"' in answer.read()
        except (OSError, HTTPException):
            return False

    def scrape(self) -> dict[str, float]:
        """Return the sums of the series of each family; empty if nobody answers."""
        found: dict[str, float] = {}
        with (
            suppress(OSError, HTTPException),
            urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=20) as answer,
        ):
            for line in answer.read().decode().splitlines():
                if line[0] != "#":
                    name, _, value = line.rpartition(" ")
                    family = name.partition("{")[0]
                    found[family] = found.get(family, 0) + float(value)
        return found

    def workers(self) -> list[int]:
        return children(self.process.pid)

    def until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + LIMIT_SECONDS
        while not holds():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.05)


@contextmanager
def run(folder: Path, *arguments: str, app: str, environ: dict[str, str] | None = None) -> Iterator[Service]:
    port, metrics_port, log = free_port(), free_port(), folder / "log"
    (folder / "app.py").write_text(app)
    (folder / "turnout.yaml").write_text(block("yaml").replace("9464", str(metrics_port)))
    (folder / "model_repository").symlink_to(ROOT / "model_repository")
    clean = {name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"}
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *(argument.replace("PORT", str(port)) for argument in arguments)],
            cwd=folder,
            env=clean | {"BIND": f"127.0.0.1:{port}", "TMPDIR": str(folder)} | (environ or {}),
            stdout=output,
            stderr=output,
            text=True,
        )
    service = Service(process, port, metrics_port, log)
    try:
        service.until(service.ask)
        yield service
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(LIMIT_SECONDS)
        finally:
            process.kill()


@contextmanager
def load(service: Service, callers: int = 4) -> Iterator[None]:
    stop = threading.Event()

    def call() -> None:
        while not stop.is_set():
            service.ask()

    threads = [threading.Thread(target=call) for _ in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(LIMIT_SECONDS)


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
def test_a_worker_that_is_killed_under_load_is_in_flight_no_more_and_its_counters_are_kept(
    tmp_path: Path, preload: tuple[str, ...]
) -> None:
    (tmp_path / CONF.name).write_bytes(CONF.read_bytes())

    with run(tmp_path, "gunicorn", "app:app", *preload, app=block("python")) as service:
        with load(service):
            service.until(lambda: len(service.workers()) == 2 and service.scrape().get(IN_FLIGHT, 0) >= 3)
            before = service.scrape()
            (folder,) = tmp_path.glob("gunicorn-turnout-metrics-*")
            busy = max(folder.glob("gauge_livesum_*.db"), key=lambda file: file.stat().st_mtime)
            dead = [pid for pid in service.workers() if str(pid) in busy.name] or service.workers()
            os.kill(dead[0], signal.SIGKILL)
            service.until(lambda: len(service.workers()) == 2 and dead[0] not in service.workers())
        service.until(lambda: service.scrape().get(IN_FLIGHT) == 0)
        after = service.scrape()

        assert after[ANSWERED] >= before[ANSWERED] > 0
        assert (folder / f"counter_{dead[0]}.db").exists()
        assert not (folder / f"gauge_livesum_{dead[0]}.db").exists()
        assert service.ask()
    assert not folder.exists()
    log = service.log.read_text()
    assert "Traceback" not in log
    assert "this scrape has" not in log


def test_every_scrape_is_the_sum_and_another_worker_answers_when_the_first_is_killed(tmp_path: Path) -> None:
    (tmp_path / CONF.name).write_bytes(CONF.read_bytes())

    with run(tmp_path, "gunicorn", "app:app", app=block("python")) as service:
        for _ in range(7):
            assert service.ask()
        service.until(lambda: service.scrape().get(ANSWERED, 0) >= 8)  # one more was asked at the start
        (listener,) = [pid for pid in service.workers() if _listens(pid, service.metrics_port)]

        os.kill(listener, signal.SIGKILL)

        service.until(lambda: service.scrape().get(ANSWERED, 0) >= 8)
        assert service.ask()


def test_a_reload_of_gunicorn_keeps_the_counters_and_the_port(tmp_path: Path) -> None:
    (tmp_path / CONF.name).write_bytes(CONF.read_bytes())

    with run(tmp_path, "gunicorn", "app:app", app=block("python")) as service:
        for _ in range(5):
            assert service.ask()
        service.until(lambda: service.scrape().get(ANSWERED, 0) >= 6 and len(service.workers()) == 2)
        old = service.workers()

        service.process.send_signal(signal.SIGHUP)
        service.until(lambda: len(service.workers()) == 2 and not set(old) & set(service.workers()))

        service.until(service.ask)
        service.until(lambda: service.scrape().get(ANSWERED, 0) >= 7)
        assert len(list(tmp_path.glob("gunicorn-turnout-metrics-*"))) == 1
        assert "Traceback" not in service.log.read_text()


def test_a_new_master_after_a_reload_answers_when_the_old_one_has_ended(tmp_path: Path) -> None:
    (tmp_path / CONF.name).write_bytes(CONF.read_bytes())

    # As the command does; USR2 runs the file again, and beside that of ``python -m gunicorn`` is another ``http``.
    (tmp_path / "command.py").write_text("from gunicorn.app.wsgiapp import run\n\nrun()\n")

    with run(tmp_path, "command", "app:app", "--pid", "master", app=block("python")) as service:
        (old_folder,) = tmp_path.glob("gunicorn-turnout-metrics-*")
        workers = service.workers()
        service.process.send_signal(signal.SIGHUP)
        service.until(lambda: len(service.workers()) == 2 and not set(workers) & set(service.workers()))
        service.process.send_signal(signal.SIGUSR2)
        service.until((tmp_path / "master.2").exists)
        master = int((tmp_path / "master.2").read_text())
        try:
            started = Service(service.process, service.port, service.metrics_port, service.log)
            service.until(lambda: len(children(master)) == 2)
            service.process.send_signal(signal.SIGQUIT)
            service.process.wait(LIMIT_SECONDS)
            wait_until(lambda: started.ask() and started.scrape().get(ANSWERED, 0) >= 1, service.log)

            assert all(started.ask() for _ in range(4))
            (new_folder,) = tmp_path.glob("gunicorn-turnout-metrics-*")
            assert new_folder != old_folder
            before, count = children(master), started.scrape()[ANSWERED]
            os.kill(master, signal.SIGHUP)
            wait_until(lambda: len(children(master)) == 2 and not set(before) & set(children(master)), service.log)
            wait_until(lambda: started.ask() and started.scrape().get(ANSWERED, 0) > count, service.log)
            assert list(tmp_path.glob("gunicorn-turnout-metrics-*")) == [new_folder]
        finally:
            with suppress(ProcessLookupError):
                os.kill(master, signal.SIGTERM)
        wait_until(lambda: not new_folder.exists(), service.log)
        assert "Traceback" not in service.log.read_text()


@pytest.mark.parametrize(
    ("words", "app"),
    [(("gunicorn", "app:app", "--bind", "127.0.0.1:PORT"), 0), (("uvicorn", "app:app", "--port", "PORT"), 1)],
    ids=["gunicorn", "uvicorn"],
)
def test_without_the_folder_each_worker_says_what_its_scrapes_are(tmp_path: Path, words: tuple[str, ...], app: int) -> None:
    with run(tmp_path, *words, "--workers", "2", app=block("python", app)) as service:
        service.until(lambda: "metrics.port" in service.log.read_text())
        for _ in range(3):
            assert service.scrape()

        log = service.log.read_text()
        assert (
            log.count("this scrape has the metrics of 1 of 2 processes of the app; name a folder in PROMETHEUS_MULTIPROC_DIR")
            == 1
        )
        assert log.count("another process listens there; change metrics.port") == 1
        assert "name a folder in PROMETHEUS_MULTIPROC_DIR, and one worker answers for all. In turnout.yaml:1." in log


def test_a_folder_that_does_not_exist_is_one_error_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(block("python"))
    (tmp_path / "turnout.yaml").write_text(block("yaml"))

    done = subprocess.run(
        [sys.executable, "-c", "import app"],
        cwd=tmp_path,
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": "/run/gone"},
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )

    assert "PROMETHEUS_MULTIPROC_DIR is '/run/gone', and there is no such folder; create" in done.stderr.splitlines()[-1]


def test_a_folder_that_is_lost_before_the_first_request_fails_none_and_is_logged_once(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(block("python"))
    (tmp_path / "turnout.yaml").write_text(block("yaml").replace("9464", str(free_port())))
    (tmp_path / "model_repository").symlink_to(ROOT / "model_repository")
    (tmp_path / "metrics").mkdir()
    code = "import app, shutil; shutil.rmtree('metrics'); print(*[app.app({}, lambda *_: None) for _ in range(3)])"

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics")},
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )

    assert done.stdout.count('"mean"') == 3, done.stderr
    assert done.stderr.count("the metrics of this process cannot be written, requests are answered without them") == 1


def test_two_workers_of_uvicorn_are_added_up(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    folder.mkdir()
    words = ("uvicorn", "app:app", "--workers", "2", "--port", "PORT")

    with run(tmp_path, *words, app=block("python", 1), environ={"PROMETHEUS_MULTIPROC_DIR": str(folder)}) as service:
        with load(service, 2):
            service.until(lambda: service.scrape().get(ANSWERED, 0) >= 8)
        service.until(lambda: service.scrape().get(IN_FLIGHT) == 0)

        # The second worker may start when the first has answered.
        service.until(lambda: len(list(folder.glob("turnout_*.lock"))) == 2)
        assert "this scrape has" not in service.log.read_text()


def test_the_page_shows_the_file() -> None:
    shown = PAGE.read_text("utf-8").partition("<!-- begin conf: deploy/gunicorn/gunicorn.conf.py -->\n")[2]

    assert shown.startswith(f"```python no-run\n{CONF.read_text('utf-8')}```\n")


def _listens(pid: int, port: int) -> bool:
    """Return whether process ``pid`` has the socket that listens on ``port``."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    inodes = {line.split()[9] for line in lines if line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"}
    links = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            links.append(str(link.readlink()))
    return any(f"socket:[{inode}]" in links for inode in inodes)
