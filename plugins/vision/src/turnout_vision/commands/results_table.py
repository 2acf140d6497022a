"""The results of a run over pictures as a table, for a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from turnout.errors import shown

if TYPE_CHECKING:
    from turnout_vision.runs.picture_record import PictureRecord

_WIDEST = 60
_LONGEST = 1_000
_MOST_LABELS = 5
# In the summary, in the first column, or in another one.
_HIDDEN = frozenset(
    {"image", "pipeline", "inputs", "ok", "error", "regions", "failures", "seconds", "box", "label", "class_map"}
)


@dataclass(slots=True)
class ResultsTable:
    """Collects records; prints one row for each region, or for the picture if it has no regions of its own."""

    rows: list[dict[str, str]] = field(default_factory=list)

    def add(self, record: PictureRecord) -> None:
        """Add the rows of a picture."""
        rows = [{**_read_cells(record), **cells} for cells in _list_regions(record)] or [_read_cells(record)]
        rows[0]["seconds"] = f"{record['seconds']:.2f}"
        if not record["ok"]:
            rows[0]["result"] = "failed"
        for row in rows:
            self.rows.append({"picture": record["image"], **row})

    def print(self) -> None:
        """Print the table on stdout; nothing if there are no rows."""
        if not self.rows:
            return
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        _replace_what_the_terminal_lacks()
        names = _order(dict.fromkeys(name for row in self.rows for name in row))
        table = Table(*map(shown, names), box=box.SIMPLE_HEAD)
        for row in self.rows:
            # Text, because a caption may have what rich takes for markup.
            table.add_row(*(Text(shown(row.get(name, ""), _LONGEST)) for name in names))
        # What guards the terminal against foreign texts would refuse the table's own control sequences.
        Console(file=getattr(sys.stdout, "trusted", sys.stdout)).print(table)


def _order(names: Collection[str]) -> list[str]:
    first, last = ("picture", "region"), ("result", "seconds")
    middle = [name for name in names if name not in (*first, *last)]
    return [name for name in (*first, *middle, *last) if name in names]


def _list_regions(record: PictureRecord) -> Iterator[dict[str, str]]:
    regions = record["regions"]
    for index, region in enumerate(regions):
        named = {"region": region.get("label") or str(index)} if len(regions) > 1 or "label" in region else {}
        yield {**named, **_read_cells(region)}


def _read_cells(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: _format(name, value) for name, value in values.items() if name not in _HIDDEN and value is not None}


def _format(name: str, value: Any) -> str:
    if name == "mask" and isinstance(value, Mapping):
        return f"{value['area']:,} px"
    if isinstance(value, Mapping) and value.keys() >= {"least", "most"}:
        return "none" if value["least"] is None else f"{value['least']:.4g} to {value['most']:.4g}"
    if isinstance(value, list) and value and all(isinstance(each, Mapping) and "label" in each for each in value):
        return _format_labels(value)
    text = value if isinstance(value, str) else _join_texts(value) or json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _WIDEST or isinstance(value, str) else text[: _WIDEST - 3] + "..."


def _format_labels(labels: Sequence[Mapping[str, Any]]) -> str:
    """Return labels with their scores, or classes with their shares, the first ones: ``sky 62.1%, sea 30.0%, 4 others``."""
    shown = [_format_label(each) for each in labels[:_MOST_LABELS]]
    return ", ".join([*shown, f"{len(labels) - len(shown)} others"] if len(labels) > len(shown) else shown)


def _format_label(label: Mapping[str, Any]) -> str:
    share, score = label.get("share"), label.get("score")
    if isinstance(share, float):
        return f"{label['label']} {share:.1%}"
    return f"{label['label']} {score:.2f}" if isinstance(score, float) else str(label["label"])


def _join_texts(values: Any) -> str:
    """Return the texts of the lines that were read, or the number of those that were found; empty for all else."""
    if not isinstance(values, list) or not all(isinstance(each, Mapping) and "polygon" in each for each in values):
        return ""
    texts = [str(each["text"]) for each in values if "text" in each]
    return " / ".join(texts) if texts else f"{len(values)} found"


def _replace_what_the_terminal_lacks() -> None:
    """Print a question mark for a letter that the encoding of stdout does not have, instead of failing."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")
