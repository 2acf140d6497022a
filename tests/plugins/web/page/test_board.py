"""The board of the models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.plugins.web.kserve.running import Running

import turnout
from turnout.metrics import Metrics
from turnout_web.page.board import NO_FILE, Board, read_board


def _open(tmp_path: Path, **models: Any) -> turnout.Turnout:
    known = {"onnxruntime": {"path": "nothing.onnx"}}
    text = "models:\n" + "".join(f"  {name}: {{backend: onnxruntime, backends: {known}}}\n" for name in models or {"m": 1})
    (tmp_path / "turnout.yaml").write_text(text, "utf-8")
    return turnout.open(tmp_path / "turnout.yaml", metrics=Metrics())


def test_each_model_has_its_stage_evidence_circuit_and_next_command(server: Running) -> None:
    board = server.send("GET", "/v1/board").head

    assert (board["live"], board["note"]) == (True, "")
    assert [model["model"] for model in board["models"]] == ["birefnet", "blip_caption", "blip_vqa"]
    for model in board["models"]:
        assert 1 <= model["stage"] <= 4
        assert model["next"]["command"]
        assert model["next"]["why"]
        assert model["evidence"]["serves"].startswith("onnxruntime")
        (arm,) = model["arms"]
        assert (arm["backend"], arm["role"], arm["circuit"]) == ("onnxruntime", "serves", None)


def test_the_p95_appears_with_the_first_requests(tmp_path: Path, server: Running, demo: turnout.Turnout) -> None:
    with _open(tmp_path) as app:
        (model,) = read_board(app)["models"]
    assert (model["arms"][0]["requests"], model["arms"][0]["p95_seconds"]) == (0, None)

    picture = Path(__file__).parents[4] / "examples/pictures/dusk.jpg"
    demo.run("caption_only", image=str(picture))

    arms = {model["model"]: model["arms"][0] for model in read_board(demo)["models"]}
    assert arms["blip_caption"]["requests"] >= 1
    assert arms["blip_caption"]["p95_seconds"] > 0


def test_an_app_without_a_file_has_health_and_no_stages() -> None:
    settings = {"models": {"m": {"backend": "onnxruntime", "backends": {"onnxruntime": {"path": "nothing.onnx"}}}}}

    with turnout.open(settings, metrics=Metrics()) as app:
        board = read_board(app)

    assert board["note"] == NO_FILE
    assert [(model["stage"], model["next"]) for model in board["models"]] == [(None, None)]


def test_a_file_that_became_wrong_is_named_and_the_health_is_still_there(tmp_path: Path) -> None:
    with _open(tmp_path) as app:
        (tmp_path / "turnout.yaml").write_text("models: [", "utf-8")
        board = read_board(app)
        assert "turnout.yaml" in board["note"]
        assert [model["backend"] for model in board["models"]] == ["onnxruntime"]

    with _open(tmp_path) as again:
        assert read_board(again)["note"] == ""


def test_many_readers_read_once(tmp_path: Path) -> None:
    with _open(tmp_path) as app:
        board = Board(app)
        first = board.read()
        (tmp_path / "turnout.yaml").write_text("models: [", "utf-8")

        assert board.read() is first


def test_a_reader_does_not_wait_for_another_one(tmp_path: Path) -> None:
    with _open(tmp_path) as app:
        board = Board(app)
        first = board.read()
        board._read_at = float("-inf")
        with board._lock:
            assert board.read() is first

        assert board.read() is not first
