"""Recordings: requests and their answers, in files that can be replayed."""

from __future__ import annotations

from turnout.recording.background import BackgroundRecording
from turnout.recording.policy import RecordingPolicy
from turnout.recording.recorded_request import RecordedRequest, read_recorded_request
from turnout.recording.recording_set import RecordingSet, folder_of_model, record_files
from turnout.recording.writer import RecordingWriter

__all__ = [
    "BackgroundRecording",
    "RecordedRequest",
    "RecordingPolicy",
    "RecordingSet",
    "RecordingWriter",
    "folder_of_model",
    "read_recorded_request",
    "record_files",
]
