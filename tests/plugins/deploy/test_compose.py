"""The compose file fits the specification, its mounts exist, and no secret is in it."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.plugins.deploy.conftest import ROOT, Run
from tests.plugins.deploy.documents import Document, compose_problems, load

FOLDER = ROOT / "deploy/compose"
[COMPOSE] = load((FOLDER / "compose.yaml").read_text("utf-8"))


def open_services(document: Document) -> list[str]:
    """Return each service that could do more than it must, or is reached from another machine."""
    found = []
    for name, service in document["services"].items():
        locked = service.get("read_only") is True and service.get("cap_drop") == ["ALL"]
        privileges = "no-new-privileges:true" in service.get("security_opt", [])
        is_root = service.get("user", "0").partition(":")[0] == "0"
        limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
        if not (locked and privileges and {"memory", "cpus"} <= set(limits)) or is_root:
            found.append(f"{name} is not locked")
        found += [f"{name} is open to other machines" for port in service.get("ports", []) if not port.startswith("127.0.0.1:")]
    return found


def lost_mounts(document: Document, folder: Path) -> list[str]:
    """Return the sources of mounts that are not there."""
    volumes = [one for service in document["services"].values() for one in service.get("volumes", [])]
    return [one["source"] for one in volumes if one["type"] == "bind" and not (folder / one["source"]).exists()]


def test_the_file_fits_the_specification_and_every_service_is_locked() -> None:
    assert compose_problems(COMPOSE) == []
    assert open_services(COMPOSE) == []
    assert lost_mounts(COMPOSE, FOLDER) == []
    assert set(COMPOSE["services"]) == {"app", "triton", "prometheus", "grafana"}


@pytest.mark.parametrize(
    "plant",
    [
        lambda services: services["app"].update(imge="x"),
        lambda services: services["triton"].update(ports={"8000": 8000}),
        lambda services: services["app"].update(depends_on={"triton": {"condition": "service_well"}}),
        lambda services: services["app"].update(entrypoint=["sh", "-c", "cat $(pwd)"]),
        lambda services: services["app"]["volumes"][0].update(typ="bind"),
    ],
)
def test_a_planted_mistake_is_refused(plant: Callable[[Document], None]) -> None:
    document = copy.deepcopy(COMPOSE)

    plant(document["services"])

    assert compose_problems(document)


@pytest.mark.parametrize(
    ("service", "key", "value", "found"),
    [
        ("app", "user", "0:0", "app is not locked"),
        ("triton", "read_only", False, "triton is not locked"),
        ("grafana", "cap_drop", [], "grafana is not locked"),
        ("prometheus", "deploy", {}, "prometheus is not locked"),
        ("app", "ports", ["8080:8080"], "app is open to other machines"),
    ],
)
def test_a_planted_opening_is_found(service: str, key: str, value: object, found: str) -> None:
    document = copy.deepcopy(COMPOSE)

    document["services"][service][key] = value

    assert open_services(document) == [found]


def test_a_lost_mount_is_found(tmp_path: Path) -> None:
    assert len(lost_mounts(COMPOSE, tmp_path)) == 6


def test_prometheus_takes_the_configuration_and_its_rules(tmp_path: Path) -> None:
    program = shutil.which("promtool") or pytest.skip("promtool is not installed: apt-get install prometheus")
    shutil.copy(FOLDER / "prometheus.yml", tmp_path)
    shutil.copytree(ROOT / "deploy/prometheus", tmp_path / "rules")
    text = (tmp_path / "prometheus.yml").read_text("utf-8")
    (tmp_path / "token").write_text("x", "utf-8")
    (tmp_path / "prometheus.yml").write_text(text.replace("/run/secrets/turnout_serve_token", str(tmp_path / "token")), "utf-8")

    done = subprocess.run(
        [program, "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 0, done.stderr
    assert "4 rule files found" in done.stdout


def test_the_dashboards_and_rules_of_the_distribution_are_written_beside_the_file(deploy: Run, project: Path) -> None:
    done = deploy("compose", "--out", "compose", "--repository", "models")

    assert done.returncode == 0, done.stderr
    [document] = load((project / "compose/compose.yaml").read_text("utf-8"))
    assert lost_mounts(document, project / "compose") == []
    for kind, original in (("grafana/dashboards", "*.json"), ("prometheus", "*.rules.yml")):
        originals = {one.name: one.read_bytes() for one in (ROOT / "deploy" / kind).glob(original)}
        assert {one.name: one.read_bytes() for one in (project / "compose" / kind).iterdir()} == originals


def test_no_secret_is_written_and_a_needed_variable_is_asked_for(deploy: Run, project: Path) -> None:
    file = project / "turnout.yaml"
    file.write_text(file.read_text("utf-8").replace("${KEY:-none}", "${KEY}"), "utf-8")

    done = deploy("compose", "--out", "compose", "--repository", "models", KEY="sk-7f2c9d1e")

    assert done.returncode == 0, done.stderr
    text = (project / "compose/compose.yaml").read_text("utf-8")
    [document] = load(text)
    assert "sk-7f2c9d1e" not in text
    assert compose_problems(document) == []
    assert document["services"]["app"]["environment"] == {
        "BACKEND": "${BACKEND:-triton}",
        "SERVERS": "triton:8001",
        "KEY": "${KEY:?set it, or write it into .env}",
    }


def test_the_wheel_has_the_dashboards_and_the_rules(tmp_path: Path) -> None:
    """A link in the sources is a file in the wheel."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*pip, "--wheel-dir", tmp_path, ROOT / "plugins/deploy"], capture_output=True, text=True, check=False, timeout=120
    )

    assert done.returncode == 0, done.stderr
    [wheel] = tmp_path.glob("*.whl")
    shutil.unpack_archive(wheel, tmp_path / "unpacked", "zip")
    shipped = tmp_path / "unpacked/turnout_deploy/monitoring_files"
    assert json.loads((shipped / "dashboards/overview.json").read_text("utf-8"))["title"]
    assert sorted(one.name for one in (shipped / "prometheus").iterdir()) == sorted(
        one.name for one in (ROOT / "deploy/prometheus").glob("*.rules.yml")
    )
