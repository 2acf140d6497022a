"""The stages of an adoption that are done, in a file below ``.turnout/``: the next run goes on from there."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from turnout.files.fingerprint import fingerprint
from turnout.parity import Verdict
from turnout.repository.evidence import Evidence, read_evidence, write_evidence

logger = logging.getLogger(__name__)

TOPIC = "adopt"


class AdoptProgress:
    """The results of the stages of one model, as long as its source is what it was then."""

    def __init__(self, folder: Path, model: str, source: Mapping[str, Any], *, again: bool) -> None:
        self._folder, self._model, self._source = folder, model, dict(source)
        evidence = None if again else read_evidence(folder, model, TOPIC)
        facts = evidence.facts if evidence is not None else {}
        stages = facts.get("stages") if facts.get("source") == self._source else None
        self._stages: dict[str, Any] = dict(stages) if isinstance(stages, Mapping) else {}

    def done(self, stage: str) -> dict[str, Any] | None:
        """Return the result of ``stage``; None if it is not done, or a file that it wrote is not the same any more."""
        result = self._stages.get(stage)
        if not isinstance(result, dict):
            return None
        place = result.get("file")
        if place is not None and not _is_same(self._folder / str(place), str(result.get("sha256"))):
            return None
        return result

    def add(self, stage: str, result: Mapping[str, Any]) -> dict[str, Any]:
        """Save the ``result`` of ``stage`` and return it; stages after it are to be done again."""
        self._stages[stage] = dict(result)
        facts = {"source": self._source, "stages": self._stages}
        try:
            write_evidence(self._folder, Evidence(self._model, TOPIC, str(Verdict.MATCH), facts=facts))
        except OSError as error:
            logger.warning("model %r: the progress cannot be saved, so a further run starts again: %s", self._model, error)
        return dict(result)


def _is_same(file: Path, sha256: str) -> bool:
    try:
        return file.exists() and fingerprint(file) == sha256
    except OSError:
        return False
