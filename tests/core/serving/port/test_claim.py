from __future__ import annotations

from pathlib import Path

import pytest

from turnout.serving.port.claim import PortClaim


def test_one_process_has_the_claim_until_it_is_released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    first, second, other_port = PortClaim(1), PortClaim(1), PortClaim(2)

    assert (first.take(), first.take(), second.take(), other_port.take()) == (True, True, False, True)
    first.release()
    assert second.take()
    second.release()
    other_port.release()


def test_without_a_shared_folder_every_claim_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)

    assert (PortClaim(1).take(), PortClaim(1).take()) == (True, True)


def test_a_folder_that_is_gone_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "gone"))

    with pytest.raises(FileNotFoundError):
        PortClaim(1).take()
