"""The options of a run in the query of its URL."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import QueryParams

from turnout.errors import listing, suggestion
from turnout_web.pipelines.maps import MAP_FORMS
from turnout_web.pipelines.masks import MASK_FORMS
from turnout_web.problems import Problem

MAX_SECONDS = 86_400.0
_NAMES = ("masks", "maps", "timeout_seconds")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of a run.

    Attributes:
        masks: the form of masks in the result, a key of ``MASK_FORMS``.
        maps: the form of maps in the result, a key of ``MAP_FORMS``.
        timeout_seconds: the time limit of the run.
    """

    masks: str
    maps: str
    timeout_seconds: float


def read_options(query: QueryParams, timeout_seconds: float) -> RunOptions:
    """Return the options in ``query``; ``timeout_seconds`` is the time limit of a run that names none.

    Raises:
        Problem: 400, an option is unknown, is there twice or has a wrong value.
    """
    given: dict[str, str] = {}
    for name, value in query.multi_items():
        if name not in _NAMES:
            raise Problem(400, f"unknown option {name!r}; known: {listing(_NAMES)}.{suggestion(name, _NAMES)}", field=name)
        if name in given:
            raise Problem(400, f"option {name!r} is there twice; give it once", field=name)
        given[name] = value
    masks = _read_form(given, "masks", MASK_FORMS, "png")
    # Who asks for masks without PNGs wants no PNGs of maps.
    maps = _read_form(given, "maps", MAP_FORMS, "png" if masks == "png" else "none")
    return RunOptions(masks, maps, _read_seconds(given, timeout_seconds))


def _read_form(given: Mapping[str, str], name: str, forms: Mapping[str, object], default: str) -> str:
    form = given.get(name, default)
    if form not in forms:
        raise Problem(400, f"{name}={form!r:.40} is no form of {name}; known: {listing(list(forms))}", field=name)
    return form


def _read_seconds(given: Mapping[str, str], default: float) -> float:
    text = given.get("timeout_seconds")
    if text is None:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= MAX_SECONDS:
        limit = f"a number of seconds above 0, {MAX_SECONDS:g} at most"
        raise Problem(400, f"timeout_seconds={text!r:.40} is not {limit}", field="timeout_seconds")
    return seconds
