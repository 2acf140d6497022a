"""Turnout's dashboards and rules, as they come with this distribution."""

from __future__ import annotations

from pathlib import Path

from turnout_deploy.files import read_folder

_HERE = Path(__file__).parent / "monitoring_files"


def dashboards() -> dict[str, bytes]:
    """Return the dashboards by file name."""
    return dict(read_folder(_HERE / "dashboards", "*.json"))


def rules() -> dict[str, str]:
    """Return the texts of the recording and alert rules by file name."""
    return {name: content.decode() for name, content in read_folder(_HERE / "prometheus", "*.rules.yml")}


def provisioning() -> dict[str, bytes]:
    """Return Grafana's provisioning files by path."""
    return {
        f"{kind}/{name}": content
        for kind in ("dashboards", "datasources")
        for name, content in read_folder(_HERE / "provisioning" / kind, "*.yaml")
    }
