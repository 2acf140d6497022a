"""The trials of timeouts report regions that stay open, and regions that stay registered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.hostile.areas.timeouts import Timeouts

from turnout_triton.client.shared_memory.lost_regions import LostRegions
from turnout_triton.client.shared_memory.region import SharedMemoryRegion


def _problems(folder: Path) -> str:
    return " ".join(Timeouts("trap", 30, ("http_auto",)).problems(folder))


def _keep_in(kept: list[SharedMemoryRegion]) -> Callable[[SharedMemoryRegion], None]:
    def keep(region: SharedMemoryRegion) -> None:  # a function becomes a method of the class, list.append would not
        kept.append(region)

    return keep


def test_regions_that_stay_open_are_reported(monkeypatch, tmp_path) -> None:
    kept: list[SharedMemoryRegion] = []
    with monkeypatch.context() as patched:
        patched.setattr(SharedMemoryRegion, "abandon", _keep_in(kept))
        patched.setattr(SharedMemoryRegion, "destroy", _keep_in(kept))
        found = _problems(tmp_path)
    for region in kept:
        region.destroy()

    assert "descriptors from" in found


def test_regions_that_are_never_unregistered_are_reported(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(LostRegions, "_reclaim", lambda self, deadline: None)

    assert "regions are registered on the server" in _problems(tmp_path)
