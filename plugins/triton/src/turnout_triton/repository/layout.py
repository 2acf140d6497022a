"""The folders and files of a model in Triton's layout."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from turnout import ModelDeclaration
from turnout.errors import ExportError
from turnout.repository.versions import served_version, versions
from turnout_triton.options import DEFAULT_REPOSITORY, TritonOptions

CONFIG = "config.pbtxt"
WARMUP = "warmup"


@dataclass(frozen=True, slots=True)
class Platform:
    """Triton's names for the platform and the backend of a model's file."""

    platform: str
    backend: str


PLATFORMS = {
    "model.onnx": Platform("onnxruntime_onnx", "onnxruntime"),
    "model.pt": Platform("pytorch_libtorch", "pytorch"),
    "model.py": Platform("", "python"),
}
TRITON_PLATFORMS = PLATFORMS | {
    "model.plan": Platform("tensorrt_plan", "tensorrt"),
    "model.savedmodel": Platform("tensorflow_savedmodel", "tensorflow"),
    "model.graphdef": Platform("tensorflow_graphdef", "tensorflow"),
    "model.xml": Platform("", "openvino"),
    "model.dali": Platform("", "dali"),
}
"""The platforms by the file that Triton looks for; Turnout itself writes the files of ``PLATFORMS``."""
ENSEMBLE = Platform("ensemble", "")
ONNX_FILE = "model.onnx"


def locate(model: ModelDeclaration, options: TritonOptions | None) -> Path:
    """Return the folder of ``model`` in its repository.

    Raises:
        ExportError: the name on the server is not a name of a folder.
    """
    if options is None:
        return model.folder / DEFAULT_REPOSITORY / model.name
    name = options.model or model.name
    if not is_folder_name(name):
        raise ExportError(f"model {model.name!r}: {name!r} is not a folder name in a model repository; correct 'model'")
    return model.folder / options.repository / name


def is_folder_name(name: str) -> bool:
    """Return whether ``name`` is one that a model's folder in a repository can have."""
    return name not in {"", ".", ".."} and "/" not in name and "\\" not in name and name.isprintable()


def model_folders(repository: Path) -> list[Path]:
    """Return the folders of ``repository`` with a config.pbtxt or a version, by name; hidden folders are not models."""
    return [folder for folder in sorted(repository.iterdir()) if _is_model(folder)]


def _is_model(folder: Path) -> bool:
    return folder.is_dir() and not folder.name.startswith(".") and ((folder / CONFIG).is_file() or bool(versions(folder)))


def platform_for(filename: str) -> Platform | None:
    """Return the platform of a model's file, which may have a name of its own; None for a file that Turnout does not know."""
    suffix = Path(filename).suffix
    return next((platform for name, platform in PLATFORMS.items() if suffix and Path(name).suffix == suffix), None)


def is_onnx(filename: str) -> bool:
    """Return whether a model's file is an ONNX file, which declares its inputs and outputs."""
    return Path(filename).suffix == Path(ONNX_FILE).suffix


def newest_file(folder: Path) -> Path | None:
    """Return the file of the version that the server answers from, if it is one of ``PLATFORMS``."""
    return file_of_served_version(folder, PLATFORMS)


def file_of_served_version(folder: Path, names: Iterable[str]) -> Path | None:
    """Return the file of the greatest version that is served and has one of ``names``; None if there is none."""
    found = ((served_version(folder, name), name) for name in names)
    files = [(version, folder / str(version) / name) for version, name in found if version is not None]
    present = [(version, file) for version, file in files if file.exists()]
    # The first name of the greatest version.
    return file_inside(max(present, key=lambda one: one[0])[1]) if present else None


def file_inside(path: Path) -> Path:
    """Return the ONNX file of a large model, which is a folder with ``model.onnx`` and its weights; any other path as it is."""
    return path / ONNX_FILE if path.suffix == ".onnx" and path.is_dir() else path
