"""Settings of every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

# Each example may take as long as it needs: a busy machine is no failure.
settings.register_profile("turnout", deadline=None)
settings.load_profile("turnout")


@pytest.fixture(autouse=True)
def no_hidden_values() -> Iterator[None]:
    """Forget the values that a test's turnout.yaml took from variables: another test may expect them in a text."""
    yield
    # Some tests run where Turnout is not installed.
    try:
        from turnout.hidden_values import forget_values
    except ImportError:
        return
    forget_values()


@pytest.fixture(autouse=True, scope="session")
def _own_state_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the list of exported files out of the user's home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state-home")))
        yield
