"""Fixtures; the repository's root is on sys.path, as it is for the commands of the examples."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))


@pytest.fixture(scope="session")
def checkpoints() -> Path:
    return ROOT / "examples" / "checkpoints"


@pytest.fixture(scope="session")
def pictures() -> Path:
    return ROOT / "examples" / "pictures"
