from __future__ import annotations

import subprocess
import sys

import pytest

import turnout.settings


def test_the_package_offers_what_it_names() -> None:
    assert dir(turnout.settings) == sorted(turnout.settings.__all__)
    for name in turnout.settings.__all__:
        assert getattr(turnout.settings, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = turnout.settings.nothing


def test_naming_the_package_imports_neither_pydantic_nor_yaml_and_a_mapping_needs_no_yaml() -> None:
    script = (
        "import sys, turnout.settings\n"
        "assert not {'pydantic', 'ruamel.yaml'} & set(sys.modules), 'too early'\n"
        "turnout.settings.load_settings({}, registry=None)\n"
        "assert 'pydantic' in sys.modules and 'ruamel.yaml' not in sys.modules, 'YAML without a file'\n"
    )

    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert finished.returncode == 0, finished.stderr
