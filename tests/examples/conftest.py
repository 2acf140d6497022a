"""The examples are imported from the repository's root, as their own commands do."""

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
