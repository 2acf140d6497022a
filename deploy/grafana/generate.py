"""Write the dashboards: ``python -m deploy.grafana.generate``, in the project's folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from deploy.grafana.migration import MIGRATION_DASHBOARD
from deploy.grafana.overview import OVERVIEW_DASHBOARD
from deploy.grafana.pipelines import PIPELINES_DASHBOARD
from deploy.grafana.triton import TRITON_DASHBOARD
from grafana_foundation_sdk.cog.encoder import JSONEncoder

FOLDER = Path(__file__).parent / "dashboards"


def texts() -> Iterator[tuple[Path, str]]:
    """Yield the file of each dashboard with its text."""
    for frame in (OVERVIEW_DASHBOARD, MIGRATION_DASHBOARD, TRITON_DASHBOARD, PIPELINES_DASHBOARD):
        file = FOLDER / f"{frame.uid.removeprefix('turnout-')}.json"
        yield file, JSONEncoder(sort_keys=True, indent=1).encode(frame.build()) + "\n"


def main() -> None:
    """Write every dashboard to its file."""
    FOLDER.mkdir(exist_ok=True)
    for file, text in texts():
        file.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
