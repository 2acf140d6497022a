"""What a container of the app runs, run here without one: the install line, the command, the probes, the end."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.plugins.deploy.conftest import ROOT
from tests.plugins.deploy.consistency import containers
from tests.plugins.deploy.documents import Document, load

DOCKERFILE = (ROOT / "deploy/kubernetes/Dockerfile").read_text("utf-8")
[DEPLOYMENT] = load((ROOT / "deploy/kubernetes/base/deployment.yaml").read_text("utf-8"))
[CONTAINER] = containers(DEPLOYMENT)
POD = DEPLOYMENT["spec"]["template"]["spec"]
TOKEN = "one-for-this-test"


def wheel_names(line: str) -> list[str]:
    """Return the distributions of the install line."""
    return [word.partition("==")[0] for word in shlex.split(line) if "==" in word]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what the install line of the Dockerfile installs of Turnout, from wheels; the rest is of this environment."""
    folder = tmp_path_factory.mktemp("image")
    [line] = re.findall(r"^    (pip install .*?)\n(?=COPY)", DOCKERFILE, re.MULTILINE | re.DOTALL)
    line = line.replace("\\\n", " ").replace("/wheels", str(folder / "wheels"))
    sources = [ROOT / ("core" if name == "turnout" else f"plugins/{name[8:]}") for name in wheel_names(line)]
    pip = [sys.executable, "-m", "pip"]
    build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder / "wheels", *sources]
    subprocess.run([*pip, *build], check=True, timeout=240)
    words = shlex.split(line)[1:]
    install = [*words, "--quiet", "--no-index", "--no-deps", "--target", folder / "site"]
    subprocess.run([*pip, *install], check=True, timeout=240)
    return folder / "site"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return the files that the Dockerfile copies into the image, for a stranger to read."""
    for source, place in (json.loads(line) for line in re.findall(r"^COPY (\[.*\])$", DOCKERFILE, re.MULTILINE)):
        target = tmp_path / place.removeprefix("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / source).is_dir() else shutil.copy)(ROOT / source, target)
    # What the deployment mounts and may write.
    for mount in CONTAINER["volumeMounts"]:
        if not mount.get("readOnly"):
            (tmp_path / mount["mountPath"].removeprefix("/")).mkdir(parents=True, exist_ok=True)
    return tmp_path


# As in the container: only what the deployment mounts can be written.
_LOCK = """\
mount -o remount,bind,ro / && for folder in $WRITABLE; do mount -t tmpfs tmpfs "$folder"; done && unset WRITABLE && exec "$@"
"""


def locked(home: Path) -> list[str]:
    """Return the words before a command that may write only where the deployment has a volume; skips where none can."""
    folders = [home / one["mountPath"].removeprefix("/") for one in CONTAINER["volumeMounts"] if not one.get("readOnly")]
    lock = ["unshare", "-rm", "env", f"WRITABLE={' '.join(map(str, folders))}", "sh", "-c", _LOCK, "sh"]
    tried = subprocess.run([*lock, "true"], capture_output=True, check=False)
    return lock if tried.returncode == 0 else pytest.skip("this machine gives a test no mounts of its own")


class Server:
    """The container's process, on a port of this machine, on a file system that is read-only."""

    def __init__(self, home: Path, site: Path, **environment: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        words = [word.replace("/app/", f"{home}/app/") for word in CONTAINER["args"]]
        words[words.index("--port") + 1] = str(self.port)
        words[words.index("--host") + 1] = "127.0.0.1"
        self.process = subprocess.Popen(
            [*locked(home), sys.executable, "-B", "-c", "from turnout.cli import main; main()", *words],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(site), "HOME": f"{home}/tmp", "TMPDIR": f"{home}/tmp"}
            | environment,
            cwd=home / "app",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        try:
            request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def wait_for(self, path: str, seconds: float) -> None:
        end = time.monotonic() + seconds
        while self.get(path)[0] != 200:
            assert self.process.poll() is None, self.end()
            assert time.monotonic() < end, f"{path} is not 200 after {seconds} s"
            time.sleep(0.1)

    def end(self) -> str:
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=POD["terminationGracePeriodSeconds"])
        return out


def probe_path(kind: str) -> str:
    path: str = CONTAINER[kind]["httpGet"]["path"]
    return path


def seconds(kind: str) -> float:
    probe = CONTAINER[kind]
    return float(probe["periodSeconds"] * probe["failureThreshold"])


@pytest.fixture
def server(home: Path, site: Path) -> Iterator[Server]:
    running = Server(home, site, TURNOUT_SERVE_TOKEN=TOKEN)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
            running.process.communicate()


def test_the_command_of_the_container_answers_its_probes_and_ends_in_time(server: Server, home: Path) -> None:
    server.wait_for(probe_path("startupProbe"), seconds("startupProbe"))
    server.wait_for(probe_path("readinessProbe"), 60)
    assert server.get(probe_path("livenessProbe"))[0] == 200

    [monitor] = load((ROOT / "deploy/kubernetes/components/monitoring/app-monitor.yaml").read_text("utf-8"))
    [endpoint] = monitor["spec"]["endpoints"]
    bearer = f"{endpoint['authorization']['type']} {TOKEN}"
    assert server.get(endpoint["path"])[0] == 401
    status, metrics = server.get(endpoint["path"], Authorization=bearer)
    assert status == 200
    assert "turnout_serving" in metrics
    status, body = server.get("/v2/models/birefnet/ready", Authorization=bearer)
    assert status == 200, body

    out = server.end()

    assert server.process.returncode == 0, out
    assert TOKEN not in out
    assert "has no effect" not in out


def test_the_lock_is_one(home: Path) -> None:
    tried = subprocess.run([*locked(home), "touch", home / "app/new"], capture_output=True, text=True, check=False)

    assert "Read-only file system" in tried.stderr


def test_a_probe_of_a_path_that_is_not_there_is_seen(server: Server) -> None:
    server.wait_for(probe_path("startupProbe"), seconds("startupProbe"))

    assert server.get("/health/lively", Authorization=f"Bearer {TOKEN}")[0] == 404


def test_variables_of_services_would_be_warned_about(home: Path, site: Path) -> None:
    """The reason of ``enableServiceLinks: false``."""
    running = Server(home, site, TURNOUT_SERVE_TOKEN=TOKEN, TURNOUT_PORT_80_TCP="tcp://10.0.0.1:80")
    running.wait_for(probe_path("startupProbe"), seconds("startupProbe"))

    assert "TURNOUT_PORT_80_TCP has no effect" in running.end()


def test_a_public_address_without_the_secret_is_refused(home: Path, site: Path) -> None:
    words = [word.replace("/app/", f"{home}/app/") for word in CONTAINER["args"]]

    done = subprocess.run(
        [sys.executable, "-c", "from turnout.cli import main; main()", *words],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 2
    assert "TURNOUT_SERVE_TOKEN" in done.stderr


def test_the_deployment_and_the_compose_file_start_the_command_of_the_image(site: Path) -> None:
    [command] = re.findall(r"^CMD (.*)$", DOCKERFILE, re.MULTILINE)
    compose: Document = load((ROOT / "deploy/compose/compose.yaml").read_text("utf-8"))[0]
    shell = compose["services"]["app"]["entrypoint"][2]

    assert json.loads(command) == CONTAINER["args"]
    assert shell.endswith(f"exec turnout {' '.join(CONTAINER['args'])}")
    assert {one.name.partition("-")[0] for one in site.glob("turnout*.dist-info")} == {
        name.replace("-", "_") for name in wheel_names(DOCKERFILE)
    }
