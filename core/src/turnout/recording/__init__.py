"""Recordings: what models were asked and what they answered, in files that can be replayed."""

from __future__ import annotations

from turnout.recording.background import BackgroundRecording
from turnout.recording.policy import OUTCOMES, RecordingPolicy
from turnout.recording.record import Record, read_record
from turnout.recording.recording_set import RecordingSet, folder_of_model
from turnout.recording.writer import RecordingWriter

__all__ = [
    "OUTCOMES",
    "BackgroundRecording",
    "Record",
    "RecordingPolicy",
    "RecordingSet",
    "RecordingWriter",
    "folder_of_model",
    "read_record",
]
