"""Options of backend ``openvino`` in turnout.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from turnout import Options


class OpenvinoOptions(Options):
    """A model file and the settings of its compilation.

    Attributes:
        path: an ONNX file, OpenVINO's own .xml with its .bin beside it, or a model's folder in a model repository, of which the
            version is used that a server would serve; relative to the folder of turnout.yaml.
        device: OpenVINO's name of a device, such as ``CPU``, ``GPU``, ``GPU.1``, ``NPU`` or ``AUTO``.
        inference_precision: the precision of the computation. ``device`` leaves it to OpenVINO, which takes bfloat16 on a CPU
            that has it: other answers than those of the model.
        performance_hint: settings for one caller (``latency``) or for many (``throughput``).
        num_streams: requests that run at once; by default what ``performance_hint`` gives.
        inference_num_threads: threads of all streams together; 0 means one for each core.
        cache_dir: a folder for compiled models, which makes the next start faster; relative to the folder of turnout.yaml.
    """

    path: Path
    device: str = Field("CPU", pattern=r"^[A-Z][A-Z0-9_.:,()-]*$")
    inference_precision: Literal["f32", "f16", "bf16", "device"] = "f32"
    performance_hint: Literal["latency", "throughput"] = "latency"
    num_streams: int | None = Field(None, ge=1)
    inference_num_threads: int = Field(0, ge=0)
    cache_dir: Path | None = None
