"""What C libraries write to standard error in a command, and in an app that is none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

START = "import os, sys; from turnout.cli.library_lines import LibraryLines; LibraryLines.start()\n"


def _run(program: str, **more: object) -> subprocess.CompletedProcess[bytes]:
    # It reads stderr to its end, so it hangs if a process that writes there is left.
    return subprocess.run([sys.executable, "-c", START + program], capture_output=True, timeout=30, check=False, **more)


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("b'plain\\n'", "library: plain\n"),
        ("b'\\x1b[0;93mcolored\\x1b[m\\n'", "library: colored\n"),
        ("b'x\\x1b[2J\\nerror: forged\\n'", "library: x\\x1b[2J\nlibrary: error: forged\n"),
        ("b'over\\rwritten\\n\\n'", "library: over\\rwritten\n"),
        ("b'\\xff\\n'", "library: \\xff\n"),
        ("'\u202egnp\u2028\u200b\\n'.encode()", "library: \\u202egnp\\u2028\\u200b\n"),
        ("b'no end'", "library: no end\n"),
    ],
)
def test_a_line_of_a_library_is_escaped_and_marked(written: str, printed: str) -> None:
    assert _run(f"os.write(2, {written})").stderr.decode() == printed


def test_a_long_line_is_cut() -> None:
    seen = _run("[os.write(2, b'x' * 1000) for _ in range(5000)]; os.write(2, b' end\\nnext\\n')").stderr.decode()

    first, second = seen.splitlines()
    assert len(first) < 1_700
    assert "characters left out" in first
    assert second == "library: next"


def test_python_writes_to_the_terminal_itself() -> None:
    assert _run("print('error: own', file=sys.stderr)").stderr == b"error: own\n"


def test_a_hidden_value_is_hidden_in_the_next_line() -> None:
    program = "from turnout.hidden_values import hide_value; hide_value('hunter2-and-more', '${PASSWORD}')\n"

    assert _run(program + "os.write(2, b'at hunter2-and-more\\n')").stderr == b"library: at ${PASSWORD}\n"


@pytest.mark.parametrize("end", ["os.abort()", "os.kill(os.getpid(), 9)", "os._exit(1)"])
def test_the_last_words_of_a_library_that_ends_the_process_are_printed(end: str) -> None:
    assert _run(f"os.write(2, b'terminate called\\n'); {end}").stderr == b"library: terminate called\n"


def test_lines_are_printed_before_the_command_ends() -> None:
    program = START + "os.write(2, b'a line\\n' * 1000); LibraryLines.wait(); os.kill(os.getpid(), 19)"
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        lines = [process.stderr.readline() for _ in range(1000)]
        process.kill()

    assert lines == [b"library: a line\n"] * 1000


def test_a_signal_for_the_whole_group_loses_no_line() -> None:
    # A process in the background of a shell script inherits an ignored SIGINT.
    program = START + "import signal, time; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    program += "try: print('ready', flush=True); time.sleep(30)\nexcept KeyboardInterrupt: os.write(2, b'late')"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        _, seen = process.communicate(timeout=30)

    assert seen == b"library: late\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT], ids=lambda one: one.name)
def test_a_signal_for_the_whole_group_while_that_process_starts_loses_no_line(number: signal.Signals) -> None:
    # The child itself sends it, before its first line: the worst moment of a slow machine.
    program = "import os, signal, time; from turnout.cli.library_lines import LibraryLines; command, seen = os.getpid(), []\n"
    program += f"signal.signal({number.value}, lambda *_: seen.append(1) if os.getpid() == command else os._exit(1))\n"
    program += f"os.register_at_fork(after_in_child=lambda: os.killpg(0, {number.value}))\n"
    program += "LibraryLines.start()\nwhile not seen: time.sleep(0.01)\nos.write(2, b'end')"

    seen = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=30, check=False, start_new_session=True)

    assert (seen.returncode, seen.stderr) == (0, b"library: end\n")


def test_nobody_waits_for_the_process_that_prints() -> None:
    """It keeps no pipe of the command open, so the reader of stdout sees the end while the command still runs."""
    program = START + "os.close(1); import time; time.sleep(30)"
    start = time.monotonic()
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read() == b""
        process.kill()

    assert time.monotonic() - start < 20


def test_a_command_works_if_that_process_was_killed() -> None:
    program = "import signal\n[child] = open(f'/proc/self/task/{os.getpid()}/children').read().split()\n"
    ends = "os.kill(int(child), 9); os.waitpid(int(child), 0)\n"
    later = "from turnout.hidden_values import hide_value; hide_value('hunter2-and-more'); LibraryLines.wait(); print('done')"

    seen = _run(program + ends + later)

    assert (seen.returncode, seen.stdout, seen.stderr) == (0, b"done\n", b"")


def test_an_app_that_imports_turnout_keeps_its_standard_error() -> None:
    program = (
        "import os, turnout, turnout.errors; os.write(2, b'own')\nprint(open(f'/proc/self/task/{os.getpid()}/children').read())"
    )

    seen = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=30, check=False)

    assert (seen.stdout.strip(), seen.stderr) == (b"", b"own")


def test_every_command_of_the_process_has_it(tmp_path) -> None:
    (tmp_path / "turnout_plain.py").write_text("import os\nos.write(2, b'\\x1b[2J of a plugin\\n')\n")
    info = tmp_path / "turnout_plain-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: turnout-plain\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[turnout]\nplain = turnout_plain\n")
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.argv[1:] = ['plugins']; from turnout.cli import main; main()"
    )

    seen = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False, cwd=tmp_path)

    assert seen.returncode == 0, seen.stderr
    assert b"library: \\x1b[2J of a plugin\n" in seen.stderr


def test_a_command_that_is_killed_with_unread_answers_loses_no_line() -> None:
    program = (
        "LibraryLines._started._send(()); LibraryLines._started._send(()); os.write(2, b'last\\n'); os.kill(os.getpid(), 9)"
    )

    assert _run(program).stderr == b"library: last\n"
