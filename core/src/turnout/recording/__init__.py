"""Recordings: what models were asked and what they answered, in files that can be replayed."""

from __future__ import annotations

from turnout.recording.background import BackgroundRecording
from turnout.recording.policy import OUTCOMES, RecordingPolicy
from turnout.recording.recorded_request import RecordedRequest, read_recorded_request
from turnout.recording.recording_set import RecordingSet, folder_of_model
from turnout.recording.writer import RecordingWriter

__all__ = [
    "OUTCOMES",
    "BackgroundRecording",
    "RecordedRequest",
    "RecordingPolicy",
    "RecordingSet",
    "RecordingWriter",
    "folder_of_model",
    "read_recorded_request",
]
