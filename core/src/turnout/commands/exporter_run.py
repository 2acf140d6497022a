"""One run of an exporter: a file with its proof, or an error."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from turnout.errors import ExportError, TurnoutError, one_line
from turnout.inference import ModelSignature
from turnout.plugins.declarations import Exporter, ExportRequest

logger = logging.getLogger(__name__)

Prove = Callable[[Exporter, Path], Mapping[str, Any]]
"""Returns facts that it proved about the file of an exporter, or raises ExportError."""


def prove_nothing_more(exporter: Exporter, file: Path) -> Mapping[str, Any]:
    """Return no facts: the exporter has proved the file itself."""
    return {}


def run_exporter(exporter: Exporter, request: ExportRequest, proved: Mapping[str, Any]) -> ModelSignature:
    """Return the signature of the file that ``exporter`` writes and proves; ``proved`` holds what it reports.

    Raises:
        ExportError: the model cannot be written, or nothing was proved about the file.
    """
    logger.info("exporting model %r as %r", request.model.name, exporter.format)
    try:
        signature = exporter.export(request)
    except TurnoutError as error:
        error.locate(request.model.name, exporter.backend)
        raise
    except OSError:
        raise
    except Exception as error:
        raise ExportError(
            f"model {request.model.name!r} cannot be exported as {exporter.format!r}: {one_line(error)}"
        ) from error
    if not proved:
        raise ExportError(
            f"model {request.model.name!r} was written as {exporter.format!r}, and nothing shows that the file gives the same "
            "answers, so it was not published; its exporter must report what it proved (ExportRequest.report)"
        )
    return signature
