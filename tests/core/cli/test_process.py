"""The end of a process: by a signal, with closed streams, without a reader."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

# A process in the background of a shell script inherits an ignored SIGINT, and one of nohup an ignored SIGHUP.
PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
import pathlib, threading, time
import click
from turnout.cli.group import turnout as group
from turnout.files.atomic import open_atomic

def wait():
    print("ready", file=sys.stderr, flush=True)
    time.sleep(30)

@click.command("work")
def work():
    BODY

group._plugin_commands = {"work": work}
sys.argv[:] = ["turnout", "work"]
from turnout.cli import main
main()
"""

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def _start(body: str, folder: Path) -> subprocess.Popen[str]:
    program = PROGRAM.replace("BODY", "\n    ".join(body.strip().splitlines()))
    return subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder
    )


def _signal(process: subprocess.Popen[str], *numbers: signal.Signals) -> tuple[int, str, float]:
    """Return the exit code, the rest of stderr, and the seconds that the end took."""
    assert process.stderr is not None
    assert process.stderr.readline() == "ready\n"
    start = time.monotonic()
    for number in numbers:
        process.send_signal(number)
        time.sleep(0.2)
    _, stderr = process.communicate(timeout=60)
    return process.returncode, stderr, time.monotonic() - start


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_ends_with_its_code_one_line_and_no_half_of_a_file(tmp_path: Path, number: signal.Signals) -> None:
    process = _start('with open_atomic(pathlib.Path("file")) as stream:\n    stream.write(b"half")\n    wait()', tmp_path)

    code, stderr, _ = _signal(process, number)

    assert (code, stderr) == (128 + number, "interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_the_second_signal_ends_what_cleans_up(tmp_path: Path) -> None:
    body = 'with open_atomic(pathlib.Path("file")) as stream:\n    try:\n        wait()\n    finally:\n        time.sleep(30)'

    code, stderr, seconds = _signal(_start(body, tmp_path), signal.SIGINT, signal.SIGINT)

    assert (code, stderr) == (130, "interrupted\n")
    assert seconds < 5
    assert list(tmp_path.iterdir()) == []


def test_a_signal_ends_a_command_that_does_not_listen(tmp_path: Path) -> None:
    body = "try:\n    wait()\nexcept KeyboardInterrupt:\n    time.sleep(30)"

    code, stderr, seconds = _signal(_start(body, tmp_path), signal.SIGTERM)

    assert (code, stderr) == (143, "interrupted\n")
    assert seconds < 15


def test_a_thread_that_hangs_does_not_keep_the_process(tmp_path: Path) -> None:
    code, stderr, seconds = _signal(
        _start("threading.Thread(target=time.sleep, args=(30,)).start()\nwait()", tmp_path), signal.SIGINT
    )

    assert (code, stderr) == (130, "interrupted\n")
    assert seconds < 4


def test_notes_of_the_command_are_a_part_of_the_line(tmp_path: Path) -> None:
    body = 'try:\n    wait()\nexcept KeyboardInterrupt as error:\n    error.add_note("2 files are done")\n    raise'

    assert _signal(_start(body, tmp_path), signal.SIGINT)[:2] == (130, "interrupted; 2 files are done\n")


def test_the_text_of_an_exit_drives_no_terminal(tmp_path: Path) -> None:
    process = _start("sys.exit('bad\\nerror: forged ' + chr(27) + '[2J')", tmp_path)

    assert process.communicate(timeout=60)[1] == "bad error: forged \\x1b[2J\n"
    assert process.returncode == 1


def test_the_text_of_an_exit_without_a_reader_is_no_traceback(tmp_path: Path) -> None:
    done = _shell(tmp_path, "time.sleep(0.5); sys.exit('bad')", "2>&1 | true; exit ${PIPESTATUS[0]}")

    assert done.returncode in {1, 141}
    assert done.stderr == ""


def test_a_stream_that_the_command_has_closed_is_no_error(tmp_path: Path) -> None:
    done = _shell(tmp_path, 'click.echo("result"); sys.stdout.close()', "")

    assert (done.returncode, done.stdout, done.stderr) == (0, "result\n", "")


def test_a_signal_that_the_parent_ignores_stays_ignored(tmp_path: Path) -> None:
    program = PROGRAM.replace("signal.SIG_DFL", "signal.SIG_IGN").replace(
        "BODY", 'print("ready", file=sys.stderr, flush=True); time.sleep(1); print("done")'
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )

    assert _signal(process, signal.SIGHUP)[0] == 0


@pytest.mark.parametrize(
    ("streams", "code", "stderr"),
    [
        (
            ">&-",
            2,
            "error: standard output is closed, so the result cannot be printed\nnext: run the command again with > FILE\n",
        ),
        (">&- 2>&-", 2, ""),
        ("<&- >&- 2>&-", 2, ""),
        ("<&-", 0, ""),
        ("2>&-", 0, ""),
        ("| true; exit ${PIPESTATUS[0]}", 141, ""),
        ("2>&1 | true; exit ${PIPESTATUS[0]}", 141, ""),
    ],
)
def test_closed_streams_lose_no_result_without_a_word(tmp_path: Path, streams: str, code: int, stderr: str) -> None:
    done = _shell(tmp_path, 'time.sleep(0.5); click.echo("result")', streams)

    assert (done.returncode, done.stderr) == (code, stderr)


def test_no_file_of_the_command_gets_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    _shell(tmp_path, 'with open("file", "w") as file:\n        pathlib.Path(str(file.fileno())).touch()', "<&- >&- 2>&-")

    assert not {"0", "1", "2"} & {path.name for path in tmp_path.iterdir()}


def test_a_full_disk_is_an_error(tmp_path: Path) -> None:
    done = _shell(tmp_path, 'click.echo("result")', "> /dev/full")

    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_only_buffered_is_not_lost_without_a_word(tmp_path: Path) -> None:
    done = _shell(tmp_path, 'sys.stdout.write("result")', "> /dev/full")

    assert done.returncode == 1
    assert "No space left on device" in done.stderr


def test_a_file_that_ends_too_early_is_no_interruption(tmp_path: Path) -> None:
    done = _shell(tmp_path, 'raise EOFError("no data left")', "")

    assert done.returncode == 1
    assert done.stderr.startswith("error: a file ends too early: no data left\n")


def _shell(folder: Path, body: str, streams: str) -> subprocess.CompletedProcess[str]:
    (folder / "program.py").write_text(PROGRAM.replace("BODY", body))
    command = f"{sys.executable} program.py {streams}"
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=folder, timeout=60, check=False)
