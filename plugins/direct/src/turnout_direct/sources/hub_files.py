"""The configuration files of a checkpoint on the hub, from its cache or the network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from turnout.errors import ConfigurationError, MissingDependencyError, text_of

_CONFIG = "config.json"
_OTHERS = ("preprocessor_config.json", "processor_config.json", "generation_config.json")


def find_hub_folder(name: str, options: Mapping[str, Any]) -> Path:
    """Return the folder in the hub's cache with the configuration of checkpoint ``name``; downloads it if the network is there.

    Raises:
        ConfigurationError: there is no such checkpoint, or it is not in the cache and the hub cannot be reached.
    """
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise MissingDependencyError(
            f"{name!r} is no file or folder here, and a checkpoint on the hub needs a package: pip install huggingface_hub"
        ) from error
    revision = options.get("revision")
    failure = None if options.get("local_files_only") else _ask_once(name, revision)
    local = bool(options.get("local_files_only")) or failure is not None
    try:
        config = hf_hub_download(name, _CONFIG, revision=revision, local_files_only=local, etag_timeout=5)
    except Exception as error:
        advice = f"download it elsewhere, copy the folder here, then: turnout adopt ./{Path(name).name}"
        raise ConfigurationError(
            f"{name!r} is no file or folder here, and as a name on the hub it cannot be used: {_reason(error, failure)}; "
            f"correct the name, or {advice}",
            next_step=f"correct the name, or {advice}",
        ) from error
    for file in _OTHERS:
        try:
            hf_hub_download(name, file, revision=revision, local_files_only=local, etag_timeout=5)
        except Exception:  # noqa: BLE001, S112  # most checkpoints have not all of them
            continue
    return Path(config).parent


def _ask_once(name: str, revision: str | None) -> Exception | None:
    """Return why the hub does not give the configuration; a download would try six times, in 24 s, if the cache is empty."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    try:
        get_hf_file_metadata(hf_hub_url(name, _CONFIG, revision=revision), timeout=5)
    except Exception as error:  # noqa: BLE001  # the cache may have the checkpoint; if not, this is the reason
        return error
    return None


def _reason(error: Exception, failure: Exception | None) -> str:
    from huggingface_hub.utils import HfHubHTTPError

    if isinstance(failure, HfHubHTTPError):
        error = failure
    kind, text = type(error).__name__, text_of(error)
    if kind == "LocalEntryNotFoundError":
        return "the hub cannot be reached, and its cache does not have the checkpoint"
    return f"{kind}: {text.splitlines()[0][:160]}" if text else kind
