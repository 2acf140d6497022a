"""Every metric family, declared once: name, kind, labels, unit and meaning.

``FAMILIES`` are the rows of docs/reference/metrics.md. A new family is a constant in one of these modules; then run
``python docs/metrics_page.py``, which writes the page.
"""

from __future__ import annotations

from turnout.metrics.catalogue import gpus, models, moves, operation, pipelines
from turnout.metrics.declaration import Family

FAMILIES: tuple[Family, ...] = tuple(
    value
    for module in (models, pipelines, moves, operation, gpus)
    for value in vars(module).values()
    if isinstance(value, Family)
)
"""All families, in the order of the page."""
