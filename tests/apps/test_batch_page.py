"""The code of the page about batch jobs: a job that is run again, and Celery with real worker processes, which are killed."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.apps.served_apps import PICTURES, ROOT, children, start
from tests.deploy.processes import Process, wait_until
from tests.docs.test_code_blocks import BLOCK

pytest.importorskip("celery")

PAGE = ROOT / "docs/how-to/use-it-in-a-batch-job.md"
LIMIT_SECONDS = 90


def block(flag: str) -> str:
    [code] = [
        match["code"]
        for match in BLOCK.finditer(PAGE.read_text("utf-8"))
        if match["language"] == "python" and match["flags"].strip() == flag
    ]
    return code


def write_settings(folder: Path, backend: str = "onnxruntime", url: str = "localhost:9") -> None:
    text = (ROOT / "turnout.yaml").read_text().replace("${INFERENCE_BACKEND:-onnxruntime}", backend)
    other = folder / "turnout.new"
    other.write_text(text.replace("${TRITON_URL:-localhost:8001}", url))
    other.rename(folder / "turnout.yaml")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Return a folder with what a reader has: turnout.yaml, the model repository, the examples, and tasks.py."""
    made = tmp_path_factory.mktemp("job")
    for name in ("examples", "model_repository"):
        (made / name).symlink_to(ROOT / name)
    (made / "tasks.py").write_text(block("tutorial file=tasks.py"))
    write_settings(made)
    return made


@pytest.fixture(scope="module")
def tasks(folder) -> Iterator[Any]:
    """Yield the module of the tasks, as an app that sends them imports it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("BROKER", "filesystem://")
        patch.setenv("RESULTS", f"file://{results(folder)}")
        spec = importlib.util.spec_from_file_location("tasks", folder / "tasks.py")
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, "tasks", module)
        spec.loader.exec_module(module)
        yield module
        module.service.close()


def results(folder: Path) -> Path:
    made = folder / "results"
    made.mkdir(exist_ok=True)
    return made


@pytest.fixture(scope="module")
def worker(folder, tasks) -> Iterator[Process]:
    """Yield Celery with two worker processes."""
    command = [sys.executable, "-m", "celery", "--app", "tasks", "--workdir", str(folder), "worker", "--loglevel", "info"]
    environment = {"BROKER": "filesystem://", "RESULTS": f"file://{results(folder)}", "C_FORCE_ROOT": "1"}
    with start([*command, "--concurrency", "2", "--without-gossip", "--without-mingle"], folder, environment) as running:
        wait_until(lambda: "ready." in running.log.read_text() or not running.running, seconds=LIMIT_SECONDS, what="ready")
        yield running


def send(tasks: Any, pictures: list[Path]) -> list[Any]:
    return [tasks.describe.delay(str(picture)) for picture in pictures]


def expected(tasks: Any) -> list[Any]:
    return [tasks.service.run("describe", image=picture)["captions"] for picture in PICTURES]


def test_worker_processes_answer_what_the_app_answers(worker, tasks) -> None:
    sent = send(tasks, PICTURES)

    assert [one.get(timeout=LIMIT_SECONDS) for one in sent] == expected(tasks)
    assert len(children(worker)) == 2


def test_a_broken_picture_fails_its_task_once_and_the_next_task_is_answered(worker, tasks, tmp_path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n")

    [failed] = send(tasks, [broken])

    with pytest.raises(Exception, match=r"broken\.png"):
        failed.get(timeout=LIMIT_SECONDS)
    assert f"describe[{failed.id}] retry" not in worker.log.read_text()
    [good] = send(tasks, PICTURES[:1])
    assert good.get(timeout=LIMIT_SECONDS) == expected(tasks)[0]


def test_tasks_wait_for_a_server_that_is_down_and_are_answered_when_it_is_back(worker, tasks, folder, triton) -> None:
    right = expected(tasks)
    write_settings(folder, "triton", triton.grpc_url)
    # Three processes, the one that starts the others included, with three models each.
    wait_until(lambda: worker.log.read_text().count("backend 'triton' serves") >= 3 * 3, seconds=30, what="the reload")
    triton.kill()
    try:
        sent = send(tasks, PICTURES)
        wait_until(lambda: "Retry in" in worker.log.read_text(), seconds=30, what="a retry")
    finally:
        triton.restart()

    assert [one.get(timeout=LIMIT_SECONDS) for one in sent] == right


def write_pictures(folder: Path) -> None:
    pictures = folder / "pictures"
    pictures.mkdir()
    for picture in PICTURES:
        (pictures / f"{picture.stem}.png").symlink_to(picture)
        (pictures / f"{picture.stem}.regions.json").symlink_to(picture.with_suffix(".regions.json"))


def run_job(folder: Path, work: Path) -> subprocess.CompletedProcess[str]:
    """Run the script of the page in ``folder``, with the pictures and the results in ``work``."""
    names = '"(examples/pictures|captions.jsonl)"'
    code = re.sub(names, lambda found: repr(str(work / Path(found[1]).name)), block(""))
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_a_job_that_runs_again_does_what_is_left_and_what_failed(folder, tmp_path) -> None:
    write_settings(folder)
    write_pictures(tmp_path)
    (tmp_path / "pictures/broken.png").write_bytes(b"none")
    written = []

    for _ in range(2):
        ran = run_job(folder, tmp_path)
        assert ran.returncode == 0, ran.stderr
        written.append([json.loads(line) for line in (tmp_path / "captions.jsonl").read_text().splitlines()])

    [failed] = [one for one in written[0] if "error" in one]
    assert failed["picture"] == "broken.png"
    assert written[1] == [*written[0], failed]
    assert sum(len(one.get("captions", ())) for one in written[0]) > len(PICTURES)


@pytest.mark.parametrize(
    "text", ['{"item": "a.png"}', '{"error": "none"}', '["picture"]', "7", "null", '"picture"', "{", "\x00", '{"picture": []}']
)
def test_a_file_of_another_program_is_refused_in_one_line_and_kept(folder, tmp_path, text) -> None:
    write_settings(folder)
    write_pictures(tmp_path)
    results = tmp_path / "captions.jsonl"
    results.write_text(f"{text}\n")

    ran = run_job(folder, tmp_path)

    assert (ran.returncode, ran.stderr) == (
        1,
        f"{results} has lines that this job did not write; name another file in RESULTS\n",
    )
    assert results.read_text() == f"{text}\n"


def test_the_job_and_turnout_run_refuse_each_others_files(folder, tmp_path) -> None:
    write_settings(folder)
    write_pictures(tmp_path)
    results = tmp_path / "captions.jsonl"
    command = [Path(sys.executable).with_name("turnout"), "run", "describe", str(tmp_path / "pictures"), "--out", str(results)]

    def run_command() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)

    assert run_command().returncode == 0
    assert "did not write" in run_job(folder, tmp_path).stderr
    results.unlink()
    assert run_job(folder, tmp_path).returncode == 0
    before, refused = results.read_text(), run_command()
    assert refused.returncode == 2
    assert str(results) in refused.stderr
    assert results.read_text() == before


def test_the_page_names_a_file_for_each_of_its_two_jobs() -> None:
    names = re.findall(r"\w+\.jsonl", PAGE.read_text("utf-8"))

    assert len(set(names)) == len(names) == 2
