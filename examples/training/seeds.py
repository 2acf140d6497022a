"""The seeds of scenes: disjoint ranges for training, the held-out set and the demo."""

from __future__ import annotations

TRAINING = range(1_000_000)
HELD_OUT = range(1_000_000, 2_000_000)
DEMO = range(2_000_000, 2_001_000)
