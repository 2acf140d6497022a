"""The program of a command line's paths: of files that have nothing to do with a runtime, nothing is kept in memory."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from turnout_scan.program.module import build_module
from turnout_scan.program.program import RUNTIMES, Program, dotted_names
from turnout_scan.sources.parse import ParsedFile, parse_file
from turnout_scan.sources.skipped import Skipped
from turnout_scan.sources.walk import find_sources

# A module takes 30 to 50 times the memory of its text (scikit-image, the core): 1.2 GB at most.
MOST_KEPT_BYTES = 24 << 20


@dataclass(frozen=True, slots=True, eq=False)
class LoadedProgram:
    """A program, and what of the paths is not in it.

    Attributes:
        program: the modules that a rule may concern.
        files: the number of files that were read.
        skipped: the files and folders that were not, with their reasons.
    """

    program: Program
    files: int
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Outline:
    """A file of which only the imports are kept."""

    file: Path
    root: Path
    imports: frozenset[str]


def load_program(paths: Iterable[Path]) -> LoadedProgram:
    """Return the program of the files below ``paths``. Nothing of it is imported or run."""
    tree = find_sources(paths)
    skipped, kept, outlines, size = list(tree.skipped), list[ParsedFile](), list[_Outline](), 0
    for file, root in tree.files:
        parsed = parse_file(file, root)
        if isinstance(parsed, Skipped):
            skipped.append(parsed)
        elif not _imports_runtime(parsed.tree):
            outlines.append(_Outline(file, root, frozenset(_imported(parsed.tree))))
        elif size + len(parsed.text) > MOST_KEPT_BYTES:
            skipped.append(
                Skipped(file, f"the scan holds {MOST_KEPT_BYTES >> 20} MiB of sources already; scan its folder alone")
            )
        else:
            kept.append(parsed)
            size += len(parsed.text)
    kept += _related(kept, outlines)
    order = {file: place for place, (file, _) in enumerate(tree.files)}
    kept.sort(key=lambda one: order[one.file])
    modules = [build_module(one, dotted_names(one.file, one.root)) for one in kept]
    return LoadedProgram(Program(modules), len(tree.files) - sum(one.file in order for one in skipped), tuple(skipped))


def _related(kept: Sequence[ParsedFile], outlines: Sequence[_Outline]) -> Iterator[ParsedFile]:
    """Yield the files that import those in ``kept``, and the files that all of these import; each also through others."""
    wanted = {name for one in kept for name in _imported(one.tree)}
    names, size = {_last(one.file, one.root) for one in kept}, 0
    chosen, grew = dict[Path, _Outline](), bool(kept)
    while grew:
        users = {one.file: one for one in outlines if one.file not in chosen and one.imports & names}
        names |= {_last(one.file, one.root) for one in users.values()}
        wanted |= {name for one in users.values() for name in one.imports}
        chosen |= users
        grew = bool(users)
    grew = True
    while grew:
        used = {one.file: one for one in outlines if one.file not in chosen and _last(one.file, one.root) in wanted}
        wanted |= {name for one in used.values() for name in one.imports}
        chosen |= used
        grew = bool(used)
    for one in chosen.values():
        parsed = parse_file(one.file, one.root)
        if isinstance(parsed, ParsedFile) and (size := size + len(parsed.text)) <= MOST_KEPT_BYTES:
            yield parsed


def _last(file: Path, root: Path) -> str:
    names = dotted_names(file, root)
    return names[-1] if names else root.resolve().name


def _imports_runtime(tree: ast.Module) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").partition(".")[0] in RUNTIMES:
            return True
        if isinstance(node, ast.Import) and any(alias.name.partition(".")[0] in RUNTIMES for alias in node.names):
            return True
    return False


def _imported(tree: ast.Module) -> Iterator[str]:
    """Yield every part of the names that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (node.module or "").split(".")
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (part for alias in node.names for part in alias.name.split("."))
