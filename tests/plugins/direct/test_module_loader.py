from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from turnout.errors import MissingDependencyError, ModelLoadError
from turnout_direct.module_loader import load_module
from turnout_direct.options import DirectOptions

FACTORY: dict[str, Any] = {"loader": "factory", "factory": "turnout_test_modules:Scale"}


@pytest.fixture
def load(tmp_path: Path, _modules: None) -> Callable[..., torch.nn.Module]:
    return lambda **options: load_module(DirectOptions.model_validate(options), tmp_path, "m")


def test_a_factory_gets_its_arguments(load: Callable[..., torch.nn.Module]) -> None:
    module = load(**FACTORY, arguments={"factor": 3.0}, dtype="bfloat16")

    assert module.factor.item() == 3
    assert module.factor.dtype == torch.bfloat16
    assert not module.training
    assert not module.factor.requires_grad


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"factory": "turnout_no_module:f"},
            "cannot be imported: no module 'turnout_no_module'; install it, or put its folder",
        ),
        ({"factory": "turnout_test_modules:Scales"}, r"'Scales' does not exist in module .*Did you mean 'Scale'\?"),
        ({"factory": "turnout_test_modules:__doc__"}, "'__doc__' is not callable"),
        ({"factory": "turnout_test_modules:no_module"}, r"must return a torch\.nn\.Module, got int"),
        (
            {"factory": "turnout_test_modules:breaks"},
            "failed: RuntimeError: the weights are missing; correct it or its 'arguments'",
        ),
        ({"arguments": {"faktor": 1}}, "failed: TypeError: .*unexpected keyword argument 'faktor'"),
        ({"device": "cuda:7"}, r"needs device 'cuda:7'; torch .* finds: .*cpu\. Choose one of these, or 'auto'"),
        ({"device": "mps"}, "needs device 'mps'"),
    ],
)
def test_a_factory_that_cannot_be_used_is_refused(load: Callable[..., Any], given: dict[str, Any], message: str) -> None:
    if torch.cuda.device_count() > 7 or torch.backends.mps.is_available():
        pytest.skip("this machine has the device")

    with pytest.raises(ModelLoadError, match=f"model 'm'.*{message}"):
        load(**FACTORY | given)


def test_a_package_that_the_factory_needs_is_named(load: Callable[..., Any]) -> None:
    with pytest.raises(
        MissingDependencyError,
        match="model 'm' cannot be loaded: the package 'a_package_that_does_not_exist' is not installed; install it",
    ):
        load(loader="factory", factory="turnout_test_modules:needs_package")


def test_a_factory_module_that_does_not_parse_is_a_load_error(
    load: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "turnout_broken_module.py").write_text("def f(:\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(ModelLoadError, match="loader 'factory' failed on 'turnout_broken_module:f': SyntaxError"):
        load(loader="factory", factory="turnout_broken_module:f")
    assert "turnout_broken_module" not in sys.modules
