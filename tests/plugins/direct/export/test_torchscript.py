from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from turnout import ExportRequest, ModelDeclaration, ModelSignature
from turnout.errors import ExportError, ModelLoadError
from turnout.tensors import TensorSpec
from turnout_direct.deprecations import allow_torchscript
from turnout_direct.export.module_export import export_module
from turnout_direct.export.torchscript import TorchScript, export_torchscript
from turnout_direct.options import DirectOptions

PICTURES = TensorSpec("pixel_values", "FP32", (-1, 3, 32, 32))
FREE_PICTURES = TensorSpec("pixel_values", "FP32", (-1, 3, -1, -1))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "model.pt"


def options_of(**settings: Any) -> DirectOptions:
    return DirectOptions(loader="factory", factory="somewhere:make", **settings)


def load(file: Path) -> torch.jit.ScriptModule:
    with allow_torchscript():
        return torch.jit.load(str(file))


def pictures(rows: int, height: int = 32, width: int = 32) -> torch.Tensor:
    return torch.randn(rows, 3, height, width, generator=torch.Generator().manual_seed(rows))


def export(module: torch.nn.Module, file: Path, spec: TensorSpec = PICTURES, **settings: Any) -> ModelSignature:
    return export_module(ModelDeclaration("m", inputs=(spec,)), options_of(**settings), module.eval(), file, TorchScript())


def test_a_convolutional_net_answers_bit_for_bit_in_every_batch_size(file, nets):
    module = nets.Segmenter()

    signature = export(module, file, returns={"logits": -1})

    assert signature == ModelSignature((PICTURES,), (TensorSpec("logits", "FP32", (-1, 1, 32, 32)),))
    loaded = load(file)
    for rows in range(1, 6):
        assert torch.equal(loaded(pictures(rows)), module(pictures(rows))[-1])


def test_every_declared_free_axis_stays_free(file, nets):
    module = nets.Segmenter()

    signature = export(module, file, FREE_PICTURES, returns={"logits": -1})

    assert signature.outputs == (TensorSpec("logits", "FP32", (-1, 1, -1, -1)),)
    loaded = load(file)
    for rows, height, width in ((1, 32, 48), (3, 64, 20)):
        assert torch.equal(loaded(pictures(rows, height, width)), module(pictures(rows, height, width))[-1])


def test_axes_that_are_declared_with_a_size_are_fixed(file, nets):
    fixed = TensorSpec("pixel_values", "FP32", (2, 3, 32, 32))

    signature = export(nets.Segmenter(), file, fixed, returns={"logits": -1})

    assert signature == ModelSignature((fixed,), (TensorSpec("logits", "FP32", (2, 1, 32, 32)),))


def test_forward_has_the_names_of_the_inputs_and_gives_the_outputs_in_order(file):
    left, right = TensorSpec("left", "FP32", (-1, 4)), TensorSpec("right", "FP32", (-1, 4))

    class Difference(torch.nn.Module):
        def forward(self, left: torch.Tensor, right: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"sum": left + right, "difference": left - right}

    declared = ModelDeclaration("m", inputs=(right, left))
    signature = export_module(declared, options_of(), Difference(), file, TorchScript())

    loaded = load(file)
    assert [argument.name for argument in loaded.forward.schema.arguments[1:]] == ["right", "left"]
    assert [spec.name for spec in signature.outputs] == ["sum", "difference"]
    total, difference = loaded(right=torch.ones(2, 4), left=torch.zeros(2, 4))
    assert (total.unique().item(), difference.unique().item()) == (1, -1)


def test_an_output_of_megapixels_keeps_its_batch_axis_free_though_one_row_is_tried(file, nets):
    large = TensorSpec("pixel_values", "FP32", (-1, 3, 640, 640))

    signature = export(nets.Segmenter(), file, large, returns={"logits": -1})

    assert signature.outputs == (TensorSpec("logits", "FP32", (-1, 1, 640, 640)),)
    assert load(file)(pictures(2, 640, 640)).shape == (2, 1, 640, 640)


def test_a_checkpoint_of_transformers_is_exported_and_served_by_direct_again(segformer, tmp_path, file, open_direct, infer):
    options = DirectOptions(loader="transformers", class_="SegformerForSemanticSegmentation", checkpoint="checkpoint")

    signature = export_torchscript(ExportRequest(ModelDeclaration("segmenter", tmp_path, inputs=(PICTURES,)), options, file))

    assert signature.outputs == (TensorSpec("logits", "FP32", (-1, 1, 8, 8)),)
    served = open_direct(outputs={"logits": "FP32[-1,1,8,8]"}, loader="torchscript", trust=True, path="model.pt")
    with torch.inference_mode():
        expected = segformer(pictures(4)).logits.numpy()
    np.testing.assert_array_equal(infer(served, pixel_values=pictures(4).numpy())["logits"], expected)


def test_half_precision_stays_inside(file):
    signature = export(torch.nn.Conv2d(3, 2, 3).to(torch.bfloat16), file, dtype="bfloat16")

    assert [spec.datatype for spec in signature.outputs] == ["FP32"]
    assert load(file)(pictures(2)).dtype == torch.float32


def test_an_operator_that_onnx_does_not_have_is_exported(file, nets):
    module = nets.HasNoOperator()

    export(module, file)

    assert load(file)(pictures(2)).shape == module(pictures(2)).shape


def test_the_file_contains_no_device_and_nothing_about_the_machine_that_wrote_it(file, nets):
    export(nets.NamesDevices(), file)

    assert "cpu" not in load(file).code
    assert str(Path(__file__).parents[3]).encode() not in file.read_bytes()
    assert b".debug_pkl" not in file.read_bytes()
    assert b"site-packages" not in file.read_bytes()
    assert [path.name for path in file.parent.iterdir() if path.name.startswith("model")] == ["model.pt"]


def test_the_file_keeps_the_version_of_its_operators(file):
    module = torch.nn.GELU(approximate="tanh")

    export(module, file)

    with zipfile.ZipFile(file) as archive:
        (version,) = [archive.read(name) for name in archive.namelist() if name.endswith("/version")]
    assert int(version) >= 9
    assert torch.equal(load(file)(pictures(2)), module(pictures(2)))


def test_a_branch_on_declared_sizes_is_kept(file, nets):
    module = nets.DecidesBySizes()

    export(module, file)

    assert torch.equal(load(file)(pictures(5)), module(pictures(5)))


class KeepsSizes(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(int(x.shape[0]), 3, 32 * 32)


def test_a_size_that_the_trace_has_fixed_is_reported_with_torchs_reason(file):
    with pytest.raises(
        ExportError, match=r"torch.jit cannot run it on 'pixel_values' \[1, 3, 32, 32\]: .*shape '\[2, 3, 1024\]'"
    ):
        export(KeepsSizes(), file)

    assert not file.exists()


def test_torchscript_itself_is_written_with_the_names_of_the_declaration(file):
    with allow_torchscript():
        module = torch.jit.script(torch.nn.Conv2d(3, 2, 3))

    signature = export(module, file)

    assert signature.outputs == (TensorSpec("output", "FP32", (-1, 2, 30, 30)),)
    assert torch.equal(load(file)(pixel_values=pictures(4)), module(pictures(4)))


def test_a_module_that_returns_its_input_is_exported(file):
    export(torch.nn.Identity(), file)

    assert torch.equal(load(file)(pictures(2)), pictures(2))


REFUSED = [
    ("DecidesByValues", {}, r"branches on the values of a tensor, in turnout_test_nets.py:\d+ 'if x.sum\(\) > 0:'; write that"),
    ("FixesTheBatch", {}, r"returns another 'output' .* for a batch of 3.*; other sizes are right"),
    ("AloneIsDifferent", {}, r"torch.jit returns another 'output' .* for a batch of 1: by up to"),
    ("RightForSquares", {"spec": FREE_PICTURES}, r"another 'output' .* for a batch of 3.*; other sizes are right"),
    (
        "DecidesBySizes",
        {"spec": FREE_PICTURES},
        r"torch.jit returns another 'output' .* for a batch of 3.*; other sizes are right, so its code branches on x.shape",
    ),
    ("UsesPython", {}, r"operator '_Double' has no TorchScript form; replace it in the model's code, or keep"),
    ("UsesLibrary", {}, r"operator 'turnout_test::double' has no TorchScript form"),
    ("ReturnsText", {"returns": {"logits": "logits"}}, r"fails on inputs 'pixel_values' FP32 \[-1, 3, 32, 32\]"),
    ("Segmenter", {"method": "generate"}, r"generate\(\) of class 'Segmenter' cannot be exported; known: BlipForCond"),
    (
        "NamesDevices",
        {"spec": TensorSpec("x.1", "FP32", (-1, 4))},
        r"input 'x.1' is not a Python name.*rename it under 'inputs'",
    ),
]


@pytest.mark.parametrize(("kind", "settings", "reason"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_a_failed_export_reports_the_reason_leaves_no_file_and_affects_no_other(kind, settings, reason, file, capfd, nets):
    with pytest.raises(ExportError, match=reason) as caught:
        export(getattr(nets, kind)(), file, **settings)

    assert str(caught.value).startswith("model 'm'")
    assert kind in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(file.parent.iterdir()) == []
    assert capfd.readouterr() == ("", "")
    assert export(nets.NamesDevices(), file).inputs == (PICTURES,)


def test_a_model_that_cannot_be_loaded_is_not_an_export_error(tmp_path, file):
    options = DirectOptions(loader="transformers", class_="BlipForConditionalGeneration", checkpoint="./nowhere")

    with pytest.raises(ModelLoadError, match="'m'"):
        export_torchscript(ExportRequest(ModelDeclaration("m", tmp_path), options, file))


class Doubles(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2


class Chance(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.rand_like(x)


def export_file(source: Path, module: torch.nn.Module, file: Path) -> dict[str, Any]:
    """Save a module as TorchScript, export that file, and return what was proved."""
    with allow_torchscript():
        torch.jit.script(module.eval()).save(str(source))
    proved: dict[str, Any] = {}
    model = ModelDeclaration(
        "m", source.parent, (TensorSpec("x", "FP32", (-1, 3)),), (TensorSpec("y", "FP32", (-1, 3)),), max_batch_size=4
    )
    export_torchscript(
        ExportRequest(model, DirectOptions(loader="torchscript", trust=True, path=source.name), file, proved.update)
    )
    return proved


def test_a_torchscript_file_is_copied_and_proved_bit_for_bit(tmp_path: Path, file: Path) -> None:
    proved = export_file(tmp_path / "best.pt", Doubles(), file)

    assert file.read_bytes() == (tmp_path / "best.pt").read_bytes()
    assert (proved["bit_for_bit"], proved["max_abs_error"]) == (True, {"y": 0.0})


def test_a_torchscript_file_that_uses_chance_is_not_published(tmp_path: Path, file: Path) -> None:
    with pytest.raises(ExportError, match="model 'm'"):
        export_file(tmp_path / "chance.pt", Chance(), file)

    assert not file.exists()
    assert export_file(tmp_path / "best.pt", Doubles(), file)["bit_for_bit"]


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import torch
from turnout import ModelDeclaration
from turnout.tensors import TensorSpec
from turnout_direct.export.module_export import export_module
from turnout_direct.export.torchscript import TorchScript
from turnout_direct.options import DirectOptions
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
declaration = ModelDeclaration("m", inputs=(TensorSpec("x", "FP32", (-1, 300)),))
options = DirectOptions(loader="factory", factory="somewhere:make")
try:
    export_module(declaration, options, torch.nn.Linear(300, 300).eval(), Path(sys.argv[1]), TorchScript())
except OSError as error:
    print("refused:", error.strerror)
"""


@pytest.mark.parametrize("room", [0, 1, 4096, 300_000])
def test_a_disk_that_becomes_full_is_an_error_and_not_the_end_of_the_process(file: Path, room: int) -> None:
    # A limit of the size of files fails as a full disk does, at any byte.
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FULL_DISK, str(file), str(room)],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert (done.returncode, done.stdout) == (0, "refused: File too large\n"), done.stderr[-2000:]
