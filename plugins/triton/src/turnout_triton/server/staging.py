"""The model repository as a server gets it: in place, through a plain link, or as links with configs for the CPU."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from turnout_triton.repository.config_file import config_bytes, read_config
from turnout_triton.repository.layout import CONFIG
from turnout_triton.server.plain_links import PlainLinks
from turnout_triton.server.servable_models import ServableModel
from turnout_triton.server.stub_launcher import is_plain

_NAME = "repository"


def link_repository(repository: Path, links: PlainLinks, report: Callable[[str], None]) -> Path:
    """Return the absolute path of ``repository``, or a link to it if Triton's python backend cannot handle that path."""
    link = links.link(repository.absolute(), _NAME)
    if link != repository.absolute():
        report(f"serving {str(repository)!r} as {link}: Triton's python backend cannot handle the characters of its path")
    return link


def stage_for_cpu(repository: Path, models: Sequence[ServableModel], links: PlainLinks, report: Callable[[str], None]) -> Path:
    """Return a folder with ``models`` of ``repository`` as links, whose configs run on the CPU; report each that differs."""
    staged = links.make_folder() / f"{_NAME}-for-cpu"
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir()
    for model in models:
        folder = repository.absolute() / model.name
        present = read_config(folder / CONFIG)
        changes = [] if present is None else _move_to_cpu(present.config)
        if present is None or not changes:
            (staged / model.name).symlink_to(folder)
            continue
        (staged / model.name).mkdir()
        for entry in folder.iterdir():
            if entry.name != CONFIG:
                (staged / model.name / entry.name).symlink_to(entry)
        (staged / model.name / CONFIG).write_bytes(config_bytes(present.config))
        report(f"model {model.name!r} runs on the CPU for this try, without {', '.join(changes)}; its {CONFIG} is unchanged")
    return staged


def all_plain(repository: Path, models: Sequence[ServableModel]) -> bool:
    """Return whether the python backend can handle the path of each model."""
    return all(is_plain(repository / model.name) for model in models)


def _move_to_cpu(config: Any) -> list[str]:
    """Change ``config`` to run on the CPU; return what it had for a GPU."""
    changes = []
    for group in config.instance_group:
        kind = group.Kind.Name(group.kind)
        if kind == "KIND_CPU" or (kind == "KIND_AUTO" and not group.gpus):
            continue
        changes.append(f"{kind}{f' on {list(group.gpus)}' if group.gpus else ''}")
        group.kind = group.KIND_CPU
        for field in ("gpus", "secondary_devices", "profile"):
            group.ClearField(field)
    if config.optimization.execution_accelerators.gpu_execution_accelerator:
        changes.append("gpu_execution_accelerator")
        config.optimization.execution_accelerators.ClearField("gpu_execution_accelerator")
    if config.optimization.HasField("cuda"):
        changes.append("optimization.cuda")
        config.optimization.ClearField("cuda")
    return list(dict.fromkeys(changes))
