"""What tritonserver needs around it."""

from __future__ import annotations

import os
import sysconfig

import pytest

from turnout.errors import ConfigurationError, MissingDependencyError
from turnout_triton.server.environment import PrivateEnvironment
from turnout_triton.server.installation import Installation, check_host, find_installation


@pytest.fixture
def python_in(tmp_path, monkeypatch):
    """Lets this Python say that its library is in a folder of the test's."""

    def move(**known: str) -> None:
        said = {"LIBDIR": str(tmp_path), "INSTSONAME": "libpython3.so.1.0", "MULTIARCH": "x86_64-linux-gnu"} | known
        monkeypatch.setattr(sysconfig, "get_config_var", said.get)

    return move


@pytest.mark.parametrize("known", [{}, {"INSTSONAME": "libpython3.a"}], ids=["not there", "static"])
def test_a_python_without_its_shared_library_is_refused(python_in, tmp_path, monkeypatch, known) -> None:
    python_in(**known)
    monkeypatch.setenv("PATH", "")
    (tmp_path / "libpython3.a").touch()
    environment = PrivateEnvironment(tmp_path / "environment", print)

    with pytest.raises(MissingDependencyError, match=r"needs libpython3\.\d+\.so, which is not in .*Debian: libpython3"):
        find_installation([], None, environment, print)
    assert not environment.folder.exists()


def test_a_tritonserver_on_path_goes_before_the_one_from_pypi(tmp_path, monkeypatch) -> None:
    program = tmp_path / "tritonserver"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    told: list[str] = []

    found = find_installation([], None, PrivateEnvironment(tmp_path / "environment", print), told.append)

    assert found == Installation(program)
    assert told == [f"using {program}, found on PATH"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_is_for_everybody(host) -> None:
    check_host(host, Installation(os.devnull, is_old_core=True), print)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org"])
def test_elsewhere_the_old_core_is_refused_and_another_is_warned_of(host) -> None:
    told: list[str] = []

    with pytest.raises(ConfigurationError, match="stays on loopback"):
        check_host(host, Installation(os.devnull, is_old_core=True), told.append)
    check_host(host, Installation(os.devnull), told.append)

    assert [line.startswith("warning: Triton asks nobody for a password") for line in told] == [True]
