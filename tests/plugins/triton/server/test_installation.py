"""The tritonserver to start, and the environment that it needs."""

from __future__ import annotations

import os
import sysconfig

import pytest

from turnout.errors import ConfigurationError, MissingDependencyError
from turnout_triton.server.installation import Installation, check_host, find_installation
from turnout_triton.server.plain_links import PlainLinks
from turnout_triton.server.private_environment import PrivateEnvironment


@pytest.fixture
def python_in(tmp_path, monkeypatch):
    """Return a function that moves the library of this Python into a folder of the test."""

    def move(**known: str) -> None:
        variables = {"LIBDIR": str(tmp_path), "INSTSONAME": "libpython3.so.1.0", "MULTIARCH": "x86_64-linux-gnu"} | known
        monkeypatch.setattr(sysconfig, "get_config_var", variables.get)

    return move


@pytest.mark.parametrize("known", [{}, {"INSTSONAME": "libpython3.a"}], ids=["not there", "static"])
def test_a_python_without_its_shared_library_is_refused(python_in, tmp_path, monkeypatch, known) -> None:
    python_in(**known)
    monkeypatch.setenv("PATH", "")
    (tmp_path / "libpython3.a").touch()
    environment = PrivateEnvironment(tmp_path / "environment", print)

    with pytest.raises(MissingDependencyError, match=r"needs libpython3\.\d+\.so, which is not in .*Debian: libpython3"):
        find_installation([], None, environment, PlainLinks(), print)
    assert not environment.folder.exists()


def test_a_tritonserver_on_path_precedes_the_one_from_pypi(tmp_path, monkeypatch) -> None:
    program = tmp_path / "tritonserver"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    lines: list[str] = []

    found = find_installation([], None, PrivateEnvironment(tmp_path / "environment", print), PlainLinks(), lines.append)

    assert found == Installation(program)
    assert lines == [f"using {program}, found on PATH"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_is_allowed_for_every_core(host) -> None:
    check_host(host, Installation(os.devnull, is_old_core=True), print)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org"])
def test_beyond_loopback_the_old_core_is_refused_and_another_gets_a_warning(host) -> None:
    lines: list[str] = []

    with pytest.raises(ConfigurationError, match="stays on loopback"):
        check_host(host, Installation(os.devnull, is_old_core=True), lines.append)
    check_host(host, Installation(os.devnull), lines.append)

    assert [line.startswith("warning: Triton has no authentication") for line in lines] == [True]
