from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from turnout.errors import ConfigurationError
from turnout.metrics import Metrics
from turnout.metrics.process_files import VARIABLE, metric_files


@pytest.mark.parametrize(
    ("name", "reason"), [("gone", "and there is no such folder"), ("file", "which is a file"), ("", "which is empty")]
)
def test_a_variable_that_names_no_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    (tmp_path / "file").touch()
    value = str(tmp_path / name) if name else ""
    monkeypatch.setenv(VARIABLE, value)

    with pytest.raises(ConfigurationError, match=f"PROMETHEUS_MULTIPROC_DIR is .*, {reason}; .* or unset the variable"):
        Metrics()
    monkeypatch.delenv(VARIABLE)
    assert "turnout_build_info" in Metrics().render()


def test_a_folder_that_this_user_cannot_write_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    # Tests may run as root, whom permissions do not stop.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)

    with pytest.raises(ConfigurationError, match="a folder that this user cannot write"):
        Metrics()


def test_a_full_disk_under_the_metrics_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))

    with pytest.raises(ConfigurationError, match="its files cannot be written: No space left on device"), metric_files():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_without_the_variable_an_error_is_that_of_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)

    with pytest.raises(FileNotFoundError), metric_files():
        raise FileNotFoundError(errno.ENOENT, "no such file", "x")


def test_a_variable_that_is_set_too_late_is_a_warning(tmp_path: Path) -> None:
    code = """
        import logging, os, sys, prometheus_client
        logging.basicConfig(format="%(levelname)s %(message)s")
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = sys.argv[1]
        from turnout.metrics import Metrics
        Metrics()
    """
    clean = {name: value for name, value in os.environ.items() if name != VARIABLE}
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)]

    ended = subprocess.run(command, env=clean, capture_output=True, text=True, timeout=60, check=True)

    assert ended.stderr.startswith(f"WARNING {VARIABLE} was set after prometheus_client was imported, which reads it once:")


def test_a_worker_whose_folder_is_gone_answers_and_logs_it_once(tmp_path: Path) -> None:
    code = """
        import logging, os, shutil
        from turnout.metrics import Metrics
        logging.basicConfig(format="%(levelname)s %(message)s")
        metrics = Metrics()
        meter, pipeline = metrics.requests("m", "b"), metrics.pipeline("p", {"s": ("process",)})
        meter.answered.add(1.0)
        shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"])  # a worker opens its files at the fork
        child = os.fork()
        if child == 0:
            for _ in range(3):
                meter.in_flight.enter(None)
                meter.answered.add(1.0)
                meter.in_flight.leave()
                meter.refused["overloaded"]()
                pipeline.observe_run(1.0, {"s": {"process": 1.0}})
            os._exit(7)
        raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    folder = tmp_path / "metrics"
    folder.mkdir()

    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, VARIABLE: str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 7, ended.stderr
    assert ended.stderr.count("ERROR the metrics of this process cannot be written") == 1
    assert f"PROMETHEUS_MULTIPROC_DIR is '{folder}'" in ended.stderr


def test_a_child_that_is_forked_while_a_thread_writes_a_metric_writes_its_own(tmp_path: Path) -> None:
    code = """
        import os, signal, threading
        from prometheus_client.values import ValueClass
        from turnout.metrics import Metrics
        metrics = Metrics()
        metrics.settings.meter()
        inc = ValueClass.inc
        lock = dict(zip(inc.__code__.co_freevars, inc.__closure__))["lock"].cell_contents
        with lock:
            child = os.fork()
            if child == 0:
                signal.alarm(30)
                metrics.requests("m", "b").refused["overloaded"]()
                os._exit(7 if "turnout_settings_reload_success 1.0" in metrics.render() else 1)
        raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """

    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, VARIABLE: str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 7, ended.stderr


def run_without_folder(folder: Path, body: str) -> subprocess.CompletedProcess[str]:
    """Run ``body`` in a process that has opened its metrics, and whose folder is gone then."""
    code = """
        import logging, os, shutil
        from turnout.errors import ConfigurationError
        from turnout.metrics import Metrics
        logging.basicConfig(format="%(levelname)s %(message)s")
        folder = os.environ["PROMETHEUS_MULTIPROC_DIR"]
        metrics = Metrics()
    """
    folder.mkdir()
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code) + textwrap.dedent(body)],
        env={**os.environ, VARIABLE: str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_model_that_opens_when_the_folder_is_gone_answers_and_logs_it_once(tmp_path: Path) -> None:
    body = """
        serving = metrics.serving.meter("m")
        shutil.rmtree(folder)
        for _ in range(2):
            serving.show(["b"], {})  # as a reload does
            meter, batches = metrics.requests("m", "b"), metrics.batches("m", "b")
            pipeline, backend = metrics.pipeline("p", {"s": ("process",)}), metrics.backends.meter("m", "b", remote=True)
            circuit, retries = metrics.resilience.circuit("m", "b"), metrics.resilience.retries("m", "b")
            metrics.observe_load("m", "b", 1.0)
            backend.serve("1", "sha")
            meter.in_flight.enter(None)
            meter.answered.add(1.0)
            meter.in_flight.leave()
            batches.executed(1.0, 2, [0.0])
            pipeline.observe_run(1.0, {"s": {"process": 1.0}})
            circuit.opened()
            for add in backend.transferred.values():
                add(3)
    """

    ended = run_without_folder(tmp_path / "metrics", body)

    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stderr.count("ERROR the metrics of this process cannot be written, requests are answered without them") == 1


def test_a_folder_that_was_made_again_is_logged_once_at_a_scrape(tmp_path: Path) -> None:
    body = """
        metrics.requests("m", "b").answered.add(1.0)
        metrics.render()
        print("before", flush=True)
        shutil.rmtree(folder)
        os.mkdir(folder)
        for _ in range(2):
            metrics.requests("m", "b").answered.add(1.0)
            metrics.render()
    """

    ended = run_without_folder(tmp_path / "metrics", body)

    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("ERROR") == 1
    assert "the files of this process were removed while it had them open; create the folder, then restart" in ended.stderr


def test_an_app_that_opens_when_the_folder_is_gone_is_one_error(tmp_path: Path) -> None:
    body = """
        shutil.rmtree(folder)
        try:
            metrics.serving.meter("m")
        except ConfigurationError as error:
            raise SystemExit(7 if "and there is no such folder; create" in str(error) else 1)
    """

    assert run_without_folder(tmp_path / "metrics", body).returncode == 7
