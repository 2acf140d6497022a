"""``turnout triton install``."""

from __future__ import annotations

from click.testing import CliRunner

from turnout_triton.commands.group import triton
from turnout_triton.server.private_environment import default_folder


def test_prints_the_environment_with_the_requested_runtime(server) -> None:
    result = CliRunner().invoke(triton, ["install", "--for", "onnxruntime"])

    assert result.exit_code == 0
    assert result.stdout == f"{default_folder()}\n"
    assert (default_folder() / "bin" / "python").exists()


def test_the_folder_that_the_environment_names_may_be_in_the_home_folder(server, tmp_path, monkeypatch) -> None:
    (tmp_path / "mine").symlink_to(default_folder())
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TURNOUT_TRITON_ENVIRONMENT", "~/mine")

    result = CliRunner().invoke(triton, ["install"])

    assert result.stdout == f"{tmp_path / 'mine'}\n"


def test_refuses_an_unknown_runtime() -> None:
    result = CliRunner().invoke(triton, ["install", "--for", "tensorflow"])

    assert result.exit_code == 2
    assert "'tensorflow' is not one of 'onnxruntime', 'torch', 'transformers'" in result.stderr
