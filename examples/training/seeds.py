"""The seeds of scenes: training, held-out and demo seeds are ranges that cannot meet."""

from __future__ import annotations

TRAINING = range(1_000_000)
HELD_OUT = range(1_000_000, 2_000_000)
DEMO = range(2_000_000, 2_001_000)
