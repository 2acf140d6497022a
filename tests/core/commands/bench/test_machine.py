"""Facts about the machine and the packages."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version

from turnout.commands.bench.machine import describe_machine, package_versions


def test_the_machine_is_described_without_its_name() -> None:
    found = describe_machine()

    assert set(found) == {"system", "processor", "cores", "python"}
    assert 1 <= int(found["cores"]) <= (os.cpu_count() or 1)
    assert platform.node() not in map(str, found.values())


def test_the_packages_are_those_that_turnout_and_its_plugins_need() -> None:
    found = package_versions()

    assert found["turnout"] == version("turnout")
    assert found["numpy"] == version("numpy")
    assert "matplotlib" not in found  # of an extra
