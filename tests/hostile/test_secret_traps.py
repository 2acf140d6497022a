"""The detector of secrets reports a program that prints, logs or writes one."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.hostile.areas.secrets import SECRET, Secrecy


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("import os; print('at', os.environ['SECRET'])", "on stdout: 'at "),
        ("import os, sys; print(os.environ['SECRET'].split()[1], file=sys.stderr)", "'sesame/open' on stderr"),
        ("import os, urllib.parse; print(urllib.parse.quote(os.environ['SECRET']))", "on stdout"),
        ("import os; open('log.txt', 'w').write(os.environ['SECRET'])", "in log.txt"),
        ("import time; time.sleep(0)", ""),
    ],
)
def test_a_secret_that_a_program_shows_is_found(program: str, problem: str, tmp_path: Path) -> None:
    found = Secrecy("trap", "pipelines: {}\n", ("python", program)).problems(tmp_path)

    assert SECRET not in program
    assert any(problem in sentence for sentence in found) if problem else found == []
