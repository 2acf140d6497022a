"""Test support: a conformance kit for backends, and small real models for all other tests."""

from __future__ import annotations

from turnout.testing.conformance import ModelInferenceConformance
from turnout.testing.fakes import Answers, Fails, PlusOne, Slow, Streams, Unavailable

__all__ = ["Answers", "Fails", "ModelInferenceConformance", "PlusOne", "Slow", "Streams", "Unavailable"]
