from __future__ import annotations

import logging
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.values import MultiProcessValue

from turnout.metrics import process_files
from turnout.metrics.catalogue import models


def test_a_cell_whose_file_cannot_be_opened_records_nothing_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(process_files.VARIABLE, str(tmp_path / "gone"))
    monkeypatch.setattr("prometheus_client.values.ValueClass", MultiProcessValue())
    monkeypatch.setattr(process_files, "_logged", set())
    family = models.BATCH_SIZE.create(CollectorRegistry(), (1.0,))

    with caplog.at_level(logging.ERROR):
        family.labels("m", "b").observe_many([1.0])
        family.labels("m", "b").observe(1.0)
    assert len(caplog.records) == 1

    (tmp_path / "gone").mkdir()
    family.labels("m", "b").observe(1.0)
    assert list((tmp_path / "gone").glob("histogram_*.db"))


def test_without_the_variable_an_error_of_a_cell_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PermissionError("no")

    monkeypatch.delenv(process_files.VARIABLE, raising=False)
    monkeypatch.setattr("prometheus_client.values.ValueClass", fail)

    with pytest.raises(PermissionError):
        models.ROWS.create(CollectorRegistry()).labels("m", "b")
