"""Each import contract of pyproject.toml finds an offender that a test plants for it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = "core/src/turnout"
VISION = "plugins/vision/src/turnout_vision"
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]

OFFENDERS = {
    "layers": (f"{CORE}/errors.py", "import turnout.inference"),
    "circles": (f"{CORE}/pipeline/context.py", "import turnout.pipeline.step"),
    "runtimes": (f"{CORE}/tensors/spec.py", "import torch"),
    "independence": (f"{VISION}/pixels.py", "import turnout_direct.arrays"),
    "public_rooms": (f"{VISION}/masks.py", "import turnout.settings"),
    "middleware": (f"{CORE}/middleware/retry.py", "import turnout.middleware.fallback"),
    "prometheus": (f"{CORE}/files/lock.py", "import prometheus_client"),
    "opentelemetry": (f"{CORE}/middleware/request_span.py", "import opentelemetry.trace"),
    "yaml": (f"{CORE}/commands/init/starter.py", "import ruamel.yaml"),
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for sources in (ROOT / "core", *(ROOT / "plugins").iterdir()):
        target = tmp_path / sources.relative_to(ROOT) / "src"
        shutil.copytree(sources / "src", target, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(checkout: Path, contract: str) -> subprocess.CompletedProcess[str]:
    sources = [str(checkout / "core/src"), *(str(plugin / "src") for plugin in (checkout / "plugins").iterdir())]
    return subprocess.run(
        [
            Path(sys.executable).with_name("lint-imports"),
            "--config",
            checkout / "pyproject.toml",
            "--contract",
            contract,
            "--no-cache",
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sources)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_each_contract_has_an_offender() -> None:
    assert [contract["id"] for contract in CONTRACTS] == list(OFFENDERS)


def test_the_floors_in_the_architecture_page_are_those_of_the_contract() -> None:
    [layers] = [contract["layers"] for contract in CONTRACTS if contract["id"] == "layers"]
    page = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    floors: dict[int, set[str]] = {}

    for floor, room in re.findall(r"^\| (\d+) \| `(\w+)(?:/|\.py)` \|", page, re.MULTILINE):
        floors.setdefault(int(floor), set()).add(room)

    assert floors == {floor: set(layer.split(" | ")) for floor, layer in enumerate(reversed(layers))}


@pytest.mark.parametrize("contract", OFFENDERS)
def test_the_contract_finds_its_offender(contract: str, checkout: Path) -> None:
    file, offence = OFFENDERS[contract]
    with (checkout / file).open("a") as source:
        source.write(f"\n{offence}\n")

    result = lint(checkout, contract)

    assert result.returncode == 1
    assert "1 broken" in result.stdout
    assert Path(file).stem in result.stdout.partition("Broken contracts")[2]


def test_a_module_without_a_floor_is_found(checkout: Path) -> None:
    (checkout / CORE / "attic.py").write_text('"""No floor."""\n')

    result = lint(checkout, "layers")

    assert result.returncode == 1
    assert "attic" in result.stdout
