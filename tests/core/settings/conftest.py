from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, field_validator, model_validator

from turnout import Options
from turnout.errors import SettingsError, unknown_name
from turnout.settings import LoadedSettings, load_settings


class OnnxOptions(Options):
    path: str = Field(min_length=1)
    level: Literal["basic", "extended", "all"] = "all"
    threads: int | None = Field(None, ge=1)
    providers: tuple[Literal["CPU", "CUDA"], ...] = ()
    size: tuple[int, int] | None = None
    mean: tuple[float, float, float] | tuple[float] = (0.0, 0.0, 0.0)
    devices: Annotated[tuple[int, ...], Field(max_length=2)] = ()
    compile: bool | Literal["default", "reduce-overhead"] = False


class TritonOptions(Options):
    url: str
    timeout_seconds: float = Field(10.0, gt=0)

    @field_validator("url")
    @classmethod
    def _host_and_port(cls, url: str) -> str:
        if "://" in url:
            raise ValueError(f"write host:port without a scheme, got {url!r}")
        return url


class Generation(Options):
    max_length: int = 20


class DirectOptions(Options):
    class_: str = Field("Model", alias="class")
    generate: Generation = Generation()
    revision: str = ""
    trusted: bool = False

    @model_validator(mode="after")
    def _pinned(self) -> DirectOptions:
        if self.trusted and not self.revision:
            raise ValueError("'trusted: true' needs a 'revision'")
        return self


class CaptionOptions(Options):
    model: str
    prompt: str = ""


class NoOptions(Options):
    pass


class BurningOptions(Options):
    fuel: str = ""

    @field_validator("fuel")
    @classmethod
    def _burn(cls, fuel: str) -> str:
        raise RuntimeError(f"the validator itself is broken by {fuel!r}")


class KnownPlugins:
    """A registry of plugins with options as real plugins have them."""

    backends: Mapping[str, type[BaseModel]] = {
        "onnxruntime": OnnxOptions,
        "triton": TritonOptions,
        "direct": DirectOptions,
        "burning": BurningOptions,
    }
    steps: Mapping[str, type[BaseModel]] = {"load_image": NoOptions, "caption": CaptionOptions}

    def backend_options(self, name: str) -> type[BaseModel] | None:
        return self.backends.get(name)

    def step_options(self, name: str) -> type[BaseModel] | None:
        return self.steps.get(name)

    def backend_name(self, name: str) -> str:
        return {"torch": "direct"}.get(name, name)

    def known_backends(self) -> list[str]:
        return sorted(self.backends)

    def known_steps(self) -> list[str]:
        return sorted(self.steps)

    def known_variables(self) -> list[str]:
        return ["TURNOUT_TRITON_ENVIRONMENT"]

    def why_missing(self, kind: str, name: str) -> str:
        return str(unknown_name(kind, name, self.backends if kind == "backend" else self.steps))


GOOD = """\
# the models of this app
backend: ${INFERENCE_BACKEND:-onnxruntime}
models:
  blip:
    max_batch_size: 8
    inputs: {pixel_values: "FP32[3,384,384]"}
    outputs: {generated_ids: "INT64[-1]"}
    backends:
      onnxruntime: {path: blip.onnx, threads: 1}
      triton: {url: "${TRITON_URL:-localhost:8001}"}
      elsewhere: {anything: [goes]}   # a plugin that is not installed here
  birefnet:
    backend: triton   # the one line
    preload: true
    backends:
      triton: {url: "localhost:8001"}
      direct:
pipelines:
  describe:
    - load_image
    - caption: {model: blip}
    - caption: {model: blip, prompt: a photo of}
metrics: {latency_buckets_seconds: [0.01, 0.1, 1]}
executor_threads: 4
"""

Load = Callable[..., LoadedSettings]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Write a text to turnout.yaml and load it from there, as a user in that folder does."""
    monkeypatch.chdir(tmp_path)

    def load_text(text: str | bytes, **environment: str) -> LoadedSettings:
        Path("turnout.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_settings("turnout.yaml", registry=KnownPlugins(), environment=environment)

    return load_text


@pytest.fixture
def refuse(load: Load) -> Callable[..., SettingsError]:
    """Load a text that is wrong and return the error."""

    def refuse_text(text: str | bytes, **environment: str) -> SettingsError:
        with pytest.raises(SettingsError) as caught:
            load(text, **environment)
        return caught.value

    return refuse_text


@pytest.fixture(scope="session")
def registry() -> KnownPlugins:
    return KnownPlugins()


@pytest.fixture
def good() -> str:
    return GOOD


@pytest.fixture
def refuse_mapping(registry: KnownPlugins) -> Callable[..., SettingsError]:
    """Load a mapping that is wrong and return the error."""

    def refuse_values(values: Mapping[str, Any], **environment: str) -> SettingsError:
        with pytest.raises(SettingsError) as caught:
            load_settings(values, registry=registry, environment=environment)
        return caught.value

    return refuse_values
