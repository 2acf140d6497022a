from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from turnout.recording import RecordingPolicy
from turnout.settings.schema.recording import RecordingSettings


def test_an_empty_mapping_records_a_hundredth_next_to_the_file() -> None:
    policy = RecordingSettings().policy(Path("/app"), "blip")

    assert policy == RecordingPolicy(Path("/app/recordings/blip"))
    assert policy.fraction == 0.01


def test_every_key_reaches_the_policy() -> None:
    written = {"directory": "/data", "fraction": 1, "max_bytes": 5, "max_requests": 6, "when_full": "rotate", "queue_size": 7}

    policy = RecordingSettings.model_validate(written).policy(Path("/app"), "blip")

    assert policy == RecordingPolicy(Path("/data/blip"), 1.0, 5, 6, "rotate", 7)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"fraction": 1.1}, "less than or equal to 1"),
        ({"fraction": True}, "valid number"),
        ({"max_bytes": 0}, "greater than or equal to 1"),
        ({"max_requests": 1.5}, "valid integer"),
        ({"when_full": "explode"}, "'stop' or 'rotate'"),
        ({"folder": "x"}, "not permitted"),
    ],
)
def test_impossible_values_are_refused(written: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        RecordingSettings.model_validate(written)
