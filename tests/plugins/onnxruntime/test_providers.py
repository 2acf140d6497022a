from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime
import pytest

from turnout.errors import ModelLoadError
from turnout_onnxruntime import opening
from turnout_onnxruntime.providers import choose_providers

Write = Callable[..., Path]
Load = Callable[..., Any]
CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"


class ClaimsCuda:
    """The real runtime with CUDA in its list: a GPU wheel on a machine without the libraries."""

    def __getattr__(self, name: str) -> Any:
        return getattr(onnxruntime, name)

    def get_available_providers(self) -> list[str]:
        return [CUDA, CPU]


def test_auto_selects_the_providers_of_the_wheel_except_remote_ones() -> None:
    chosen = choose_providers("auto", onnxruntime, "m")

    assert (CPU, {}) in chosen
    assert [name for name, _ in chosen] == [
        name for name in onnxruntime.get_available_providers() if name != "AzureExecutionProvider"
    ]


def test_keeps_names_and_options_in_the_given_order() -> None:
    chosen = choose_providers([{CPU: {"use_arena": False, "n": 3}}, "AzureExecutionProvider"], onnxruntime, "m")

    assert chosen == [(CPU, {"use_arena": "0", "n": "3"}), ("AzureExecutionProvider", {})]


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (
            [CUDA, CPU],
            r"provider 'CUDAExecutionProvider' is not in the installed onnxruntime, which has: .*CPU.*onnxruntime-gpu",
        ),
        (["CoreMLExecutionProvider"], r"needs a build of onnxruntime that has it"),
        (["cuda"], r"unknown provider 'cuda' in 'providers'; .*Did you mean 'CUDAExecutionProvider'\?"),
        (["nonsense"], r"known: .*CPUExecutionProvider\.$"),
        (
            ["CudaExecutionProvidr"],
            r"unknown provider 'CudaExecutionProvidr' in 'providers'; .*Did you mean 'CUDAExecutionProvider'\?",
        ),
        ([], r"model 'm': 'providers' is empty; write 'auto' or some of"),
    ],
)
def test_reports_wrong_providers(chosen: list[str], message: str, identity: Write, load: Load) -> None:
    with pytest.raises(ModelLoadError, match=message):
        load(identity("FP32"), providers=chosen)


def test_the_session_gets_the_chosen_providers(identity: Write, load: Load, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert load(identity("FP32"), providers=[CPU]).ready()
        assert load(identity("FP32")).ready()

    assert caplog.messages == [f"model 'm': execution providers: {CPU}"]


def test_a_provider_that_does_not_start_is_an_error(identity: Write, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "import_onnxruntime", ClaimsCuda)

    with (
        warnings.catch_warnings(action="ignore"),
        pytest.raises(ModelLoadError, match=rf"provider '{CUDA}' did not start"),
    ):
        load(identity("FP32"), providers=[CUDA])


def test_auto_warns_about_a_provider_that_does_not_start(
    identity: Write, load: Load, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(opening, "import_onnxruntime", ClaimsCuda)

    with warnings.catch_warnings(action="ignore"):
        assert load(identity("FP32")).ready()

    assert caplog.messages == [f"model 'm': execution providers that did not start: {CUDA}"]


def test_auto_falls_back_to_the_cpu_if_the_device_is_missing(
    identity: Write, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    class LacksTheDevice(ClaimsCuda):
        def InferenceSession(self, *args: Any, providers: Any, **rest: Any) -> Any:  # noqa: N802 - onnxruntime's name
            if providers[0][0] == CUDA:
                raise RuntimeError("CUDA failure 100: no CUDA-capable device is detected")
            return onnxruntime.InferenceSession(*args, providers=providers, **rest)

    monkeypatch.setattr(opening, "import_onnxruntime", LacksTheDevice)

    assert load(identity("FP32")).ready()
    with pytest.raises(ModelLoadError, match="no CUDA-capable device"):
        load(identity("FP32"), providers=[CUDA])
