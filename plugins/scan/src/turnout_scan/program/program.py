"""The modules of a code base, and which of them an import means."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from turnout_scan.program.module import Module

# Always the installed packages: a file of this name in the tree is a wrapper around one.
RUNTIMES = (
    "torch", "torchvision", "transformers", "onnxruntime", "tritonclient", "diffusers", "ultralytics", "timm",
    "sentence_transformers", "open_clip", "clip", "whisper", "easyocr", "paddleocr", "insightface", "keras", "tensorflow",
    "pytorch_lightning", "lightning", "peft", "optimum", "rembg", "segment_anything",
)  # fmt: skip
MENTIONS = re.compile(rf"\b(?:{'|'.join(RUNTIMES)})\b")


@dataclass(slots=True, eq=False)
class Program:
    """The modules of a code base.

    Attributes:
        modules: in the order of the command line.
        by_place: the module of each folder and name.
    """

    modules: list[Module]
    by_place: dict[tuple[Path, tuple[str, ...]], Module] = field(default_factory=dict)
    by_last: dict[str, list[Module]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for module in self.modules:
            self.by_place[module.source.root, module.names] = module
            if module.names:
                self.by_last.setdefault(module.names[-1], []).append(module)

    def find(self, importer: Module, name: str) -> Module | None:
        """Return the module that ``importer`` means by ``name``, which may begin with dots; None if it is of no file here."""
        dots = len(name) - len(name.lstrip("."))
        parts = tuple(part for part in name[dots:].split(".") if part)
        if dots:
            package = importer.names if importer.file.name == "__init__.py" else importer.names[:-1]
            base = package[: len(package) - dots + 1] if dots > 1 else package
            return self.by_place.get((importer.source.root, (*base, *parts)))
        if not parts or parts[0] in RUNTIMES:
            return None
        return self._absolute(importer, parts)

    def _absolute(self, importer: Module, parts: tuple[str, ...]) -> Module | None:
        root, names = importer.source.root, importer.names
        # A script imports from its own folder; a package from the folder that holds it.
        for length in range(len(names) - 1, -1, -1):
            if (found := self.by_place.get((root, (*names[:length], *parts)))) is not None:
                return found
        # Tests and apps import a package that is below src/, or the one that was itself named on the command line.
        others = [one for one in self.by_last.get(parts[-1], ()) if _ends_with(one, parts)]
        return others[0] if len(others) == 1 else None

    def subordinate(self, module: Module, name: str) -> Module | None:
        """Return the module ``name`` of the package ``module``."""
        return self.by_place.get((module.source.root, (*module.names, name)))


def _ends_with(module: Module, parts: tuple[str, ...]) -> bool:
    whole = (module.source.root.resolve().name, *module.names)
    return whole[-len(parts) :] == parts


def dotted_names(file: Path, root: Path) -> tuple[str, ...]:
    """Return the dotted name of ``file`` below ``root``; empty for the package that the root is."""
    parts = file.relative_to(root).with_suffix("").parts if file.is_relative_to(root) else (file.stem,)
    return parts[:-1] if parts and parts[-1] == "__init__" else parts
