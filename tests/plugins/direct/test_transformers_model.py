from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from turnout.errors import ModelLoadError
from turnout_direct.module_loader import load_module
from turnout_direct.options import DirectOptions

COMMIT = "0123456789abcdef0123456789abcdef01234567"
BLIP = "BlipForConditionalGeneration"


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the checkpoints ``blip`` (safetensors) and ``pickled`` (the same weights in pytorch_model.bin)."""
    sys.path.insert(0, str(Path(__file__).parent / "modules"))
    from turnout_test_blip import blip

    sys.path.pop(0)
    folder = tmp_path_factory.mktemp("checkpoints")
    model = blip(BLIP)
    model.save_pretrained(folder / "blip")
    (folder / "pickled").mkdir()
    (folder / "pickled" / "config.json").write_bytes((folder / "blip" / "config.json").read_bytes())
    torch.save(model.state_dict(), folder / "pickled" / "pytorch_model.bin")
    return folder


@pytest.fixture
def load(checkpoints: Path) -> Callable[..., Any]:
    def load_it(checkpoint: str = "blip", kind: str = BLIP, folder: Path = checkpoints, **options: Any) -> Any:
        given = {"loader": "transformers", "class": kind, "checkpoint": checkpoint, **options}
        return load_module(DirectOptions.model_validate(given), folder, "m")

    return load_it


@pytest.mark.parametrize("checkpoint", ["blip", "pickled"])
def test_a_checkpoint_folder_is_loaded_ready_to_answer(load: Callable[..., Any], checkpoint: str) -> None:
    module = load(checkpoint)

    assert type(module).__name__ == BLIP
    assert not module.training
    assert {(weight.dtype, weight.requires_grad) for weight in module.parameters()} == {(torch.float32, False)}


def test_loading_writes_nothing_to_the_terminal(load: Callable[..., Any], capfd: pytest.CaptureFixture[str]) -> None:
    load()

    assert capfd.readouterr() == ("", "")


def test_one_half_of_clip_is_opened_without_a_word(
    load: Callable[..., Any], tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    from transformers import CLIPConfig, CLIPModel

    half = {"hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1, "projection_dim": 4}
    picture = half | {"image_size": 4, "patch_size": 2}
    CLIPModel(CLIPConfig(text_config=half | {"vocab_size": 9}, vision_config=picture, projection_dim=4)).save_pretrained(
        tmp_path
    )
    capfd.readouterr()
    caplog.clear()

    module = load(str(tmp_path), "CLIPVisionModelWithProjection")

    assert type(module).__name__ == "CLIPVisionModelWithProjection"
    assert (capfd.readouterr(), caplog.messages) == (("", ""), [])
    with pytest.raises(ModelLoadError, match=r"lacks \d+ weights of 'CLIPForImageClassification' \("):
        load(str(tmp_path), "CLIPForImageClassification")
    assert "LOAD REPORT" not in capfd.readouterr().err


def test_the_report_of_another_thread_and_of_a_failed_conversion_stay(caplog: pytest.LogCaptureFixture) -> None:
    from turnout_direct.transformers_model import _hide_report

    logger = logging.getLogger("transformers.modeling_utils")
    report = "Clip LOAD REPORT from: a"
    with caplog.at_level("WARNING"), _hide_report(), ThreadPoolExecutor(1) as pool:
        logger.warning(report)
        logger.warning("%s CONVERSION", report)
        pool.submit(logger.warning, "%s other", report).result()

    logger.warning(report)

    assert [text.removeprefix(report) for text in caplog.messages] == [" CONVERSION", " other", ""]


def test_both_files_hold_the_same_weights(load: Callable[..., Any]) -> None:
    left, right = (dict(load(checkpoint).named_parameters()) for checkpoint in ("blip", "pickled"))

    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)


def test_an_absolute_folder_and_an_auto_class_work(load: Callable[..., Any], checkpoints: Path, tmp_path: Path) -> None:
    module = load(str(checkpoints / "blip"), "AutoModelForImageTextToText", folder=tmp_path)

    assert type(module).__name__ == BLIP


def test_half_precision_is_loaded_as_such(load: Callable[..., Any]) -> None:
    assert {weight.dtype for weight in load(dtype="bfloat16").parameters()} == {torch.bfloat16}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"kind": "BlipForConditionalGenration"},
            r"does not exist in transformers .* Did you mean 'BlipForConditionalGeneration'\?",
        ),
        ({"kind": "BlipConfig"}, "class 'BlipConfig' is not a model class"),
        ({"kind": "pipeline"}, "class 'pipeline' is not a model class"),
        ({"kind": "AutoTokenizer"}, "class 'AutoTokenizer' is not a model class"),
        ({"kind": "BlipForQuestionAnswering"}, r"'.*blip' lacks \d+ weights of 'BlipForQuestionAnswering' \(text_encoder\."),
        ({"checkpoint": "./none"}, r"the checkpoint folder '.*none' does not exist"),
        ({"checkpoint": "/no/such/folder"}, "the checkpoint folder '/no/such/folder' does not exist"),
        ({"checkpoint": "blip/config.json"}, r"the checkpoint folder '.*config\.json' is a file"),
        ({"checkpoint": "."}, r"has no 'config\.json', so it is not a checkpoint"),
        ({"checkpoint": "org/name", "local_files_only": True}, "loader 'transformers' failed on 'org/name': OSError"),
        ({"checkpoint": "org/name", "trust_remote_code": True}, "write the 40 hexadecimal digits of that commit"),
    ],
)
def test_a_checkpoint_that_cannot_be_used_is_refused(load: Callable[..., Any], given: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelLoadError, match=f"model 'm'.*{message}"):
        load(**given)


def test_a_pickle_that_would_run_code_does_not(load: Callable[..., Any], checkpoints: Path, tmp_path: Path) -> None:
    class Touch:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "ran"),)

    (tmp_path / "config.json").write_bytes((checkpoints / "blip" / "config.json").read_bytes())
    torch.save({"weight": Touch()}, tmp_path / "pytorch_model.bin")

    with pytest.raises(ModelLoadError, match=r"is a pickle of more than tensors, which could run code; get it as safetensors"):
        load(str(tmp_path))
    assert not (tmp_path / "ran").exists()


def test_a_truncated_checkpoint_is_refused(load: Callable[..., Any], checkpoints: Path, tmp_path: Path) -> None:
    for file in (checkpoints / "blip").iterdir():
        data = file.read_bytes()
        (tmp_path / file.name).write_bytes(data[: len(data) // 2] if file.suffix == ".safetensors" else data)

    with pytest.raises(ModelLoadError, match=r"loader 'transformers' failed on .*: SafetensorError"):
        load(str(tmp_path))


MAPS = {"loader": "transformers", "class": "AutoModelForImageSegmentation", "checkpoint": "maps"}


def test_a_checkpoints_own_python_runs_when_it_is_trusted(
    open_direct: Callable[..., Any], infer: Callable[..., Any], remote: Path
) -> None:
    model = open_direct(folder=remote.parent, **MAPS, trust_remote_code=True, returns={"logits": -1})

    response = infer(model, pixel_values=np.ones((2, 3, 4, 4), np.float32))

    assert list(response) == ["logits"]
    assert np.array_equal(response["logits"], np.full((2, 1, 4, 4), 6, np.float32))


def test_a_checkpoints_own_python_does_not_run_otherwise(open_direct: Callable[..., Any], remote: Path) -> None:
    (remote / "modeling_maps.py").write_text("raise SystemExit('ran')")

    remedy = "`trust_remote_code: true` under models.m.backends.direct in turnout.yaml"
    with pytest.raises(ModelLoadError, match=f"maps' brings Python of its own.*then write {re.escape(remedy)}") as caught:
        open_direct(folder=remote.parent, **MAPS)
    assert "trust_remote_code: true" in str(caught.value.next_step)


def test_a_folder_with_code_on_the_hub_is_refused(open_direct: Callable[..., Any], remote: Path) -> None:
    config = (remote / "config.json").read_text().replace("modeling_maps.Maps", "someone/else--modeling_maps.Maps")
    (remote / "config.json").write_text(config)

    with pytest.raises(ModelLoadError, match=r"takes its Python from 'someone/else--modeling_maps\.Maps.*at no fixed commit"):
        open_direct(folder=remote.parent, **MAPS, trust_remote_code=True)


@pytest.mark.parametrize(
    "given",
    [
        {"attn_implementation": "someone/kernel"},
        {"_attn_implementation": "someone/kernel:forward"},
        {"_attn_implementation_internal": "someone/kernel@main"},
        {"text_config": {"attn_implementation": "flash|someone/kernel"}},
        {"attn_implementation": {"": "sdpa", "text_config": "someone/kernel"}},
        {"backbones": [{"_experts_implementation": "someone/kernel"}]},
    ],
    ids=str,
)
def test_a_checkpoint_takes_no_kernel_from_the_hub(
    open_direct: Callable[..., Any], remote: Path, given: dict[str, Any]
) -> None:
    config = json.loads((remote / "config.json").read_text())
    (remote / "config.json").write_text(json.dumps(config | given))

    with pytest.raises(ModelLoadError, match=r"config\.json' takes compiled code from '.*someone/kernel.*write 'sdpa'"):
        open_direct(folder=remote.parent, **MAPS, trust_remote_code=True)


@pytest.mark.parametrize(
    "text", ['{"x": 1, "x": 2, "attn_implementation": "someone/kernel"}', '{"x": ' + "[" * 70 + "]" * 70 + "}"]
)
def test_a_config_that_cannot_be_checked_is_refused(open_direct: Callable[..., Any], remote: Path, text: str) -> None:
    """transformers reads more than the check does, and would take what the check did not see."""
    (remote / "config.json").write_text(text)

    with pytest.raises(ModelLoadError, match=r"config\.json' cannot be read: .*; save the checkpoint again"):
        open_direct(folder=remote.parent, **MAPS, trust_remote_code=True)


def test_an_implementation_of_transformers_is_no_kernel(open_direct: Callable[..., Any], remote: Path) -> None:
    config = json.loads((remote / "config.json").read_text())
    (remote / "config.json").write_text(json.dumps(config | {"attn_implementation": "eager", "_name_or_path": "org/maps"}))

    assert open_direct(folder=remote.parent, **MAPS, trust_remote_code=True, returns={"logits": -1})


def test_a_part_with_python_of_its_own_asks_nothing(
    open_direct: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    part = {"model_type": "vit", "auto_map": {"AutoModelForSeq2SeqLM": "evil.Evil"}}
    parts = {"vision_config": tiny, "qformer_config": {**tiny, "encoder_hidden_size": 16}, "text_config": part}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "blip-2", **parts}))
    (tmp_path / "evil.py").write_text("raise SystemExit('ran')")
    save_file({"none": torch.zeros(1)}, tmp_path / "model.safetensors", metadata={"format": "pt"})
    monkeypatch.setattr("builtins.input", lambda _: pytest.fail("it asked"))

    with pytest.raises(ModelLoadError, match="brings Python of its own, which runs only if you trust it"):
        open_direct(loader="transformers", checkpoint=".", folder=tmp_path, **{"class": "Blip2ForConditionalGeneration"})


IN_A_CACHE = """
import sys
from pathlib import Path
from turnout_direct.module_loader import load_module
from turnout_direct.options import DirectOptions
for revision in sys.argv[2:]:
    given = {"loader": "transformers", "class": sys.argv[1], "checkpoint": "org/blip", "revision": revision}
    print(type(load_module(DirectOptions.model_validate(given), Path(), "m")).__name__)
"""


def test_a_hub_checkpoint_comes_from_the_cache_when_offline(checkpoints: Path, tmp_path: Path) -> None:
    repository = tmp_path / "hub" / "models--org--blip"
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    for file in (checkpoints / "blip").iterdir():
        (snapshot / file.name).write_bytes(file.read_bytes())
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    environment = os.environ | {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    environment.pop("HF_HUB_CACHE", None)

    command = [sys.executable, "-c", IN_A_CACHE, BLIP, "main", COMMIT]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.stdout.split() == [BLIP, BLIP], done.stderr
