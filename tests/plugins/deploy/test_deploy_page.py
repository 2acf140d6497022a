"""The commands of the page and of the README run, and the page says what the files say."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from tests.plugins.deploy.conftest import ROOT, Run
from tests.plugins.deploy.consistency import containers, of_kind
from tests.plugins.deploy.documents import documents_in, kustomize

PAGE = (ROOT / "docs/how-to/deploy-it.md").read_text("utf-8")
README = (ROOT / "plugins/deploy/README.md").read_text("utf-8")
COMMANDS = sorted(set(re.findall(r"^\$ turnout deploy (.*)$", PAGE + README, re.MULTILINE)))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_pages_runs(deploy: Run, project: Path, command: str) -> None:
    for name in ("turnout.yaml", "model_repository", "examples"):
        (project / name).unlink(missing_ok=True)
        (project / name).symlink_to(ROOT / name)

    done = deploy(*shlex.split(command, comments=True))

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("wrote deploy/")


def test_the_turnout_yaml_of_the_page_can_be_deployed(deploy: Run, project: Path) -> None:
    [text] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (project / "turnout.yaml").write_text(text, "utf-8")
    (project / "model_repository").symlink_to(ROOT / "model_repository")

    assert deploy("kubernetes", "--out", "k8s").returncode == 0


def test_the_overlays_and_components_of_the_page_are_those_of_the_folder() -> None:
    for folder, heading in (("overlays", "| overlay |"), ("components", "| component |")):
        rows = PAGE.partition(heading)[2].partition("\n\n")[0]
        assert set(re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE)) == {
            one.name for one in (ROOT / "deploy/kubernetes" / folder).iterdir()
        }


def test_the_figures_of_the_page_are_those_of_the_files() -> None:
    documents = [one for _, one in documents_in(ROOT / "deploy/kubernetes")]
    [app], [scaler] = of_kind(documents, "Deployment"), of_kind(documents, "HorizontalPodAutoscaler")
    [container] = containers(app)
    [url] = [one["value"] for one in container["env"] if one["name"] == "TRITON_URL"]

    assert f"TRITON_URL={url}\n" in PAGE
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (2, 10)
    assert "two to ten pods" in PAGE
    assert f"{container['lifecycle']['preStop']['sleep']['seconds']} s before SIGTERM" in PAGE


def test_the_component_gpu_gives_each_server_one(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "deploy/kubernetes", tmp_path / "kubernetes")
    file = tmp_path / "kubernetes/overlays/triton/kustomization.yaml"
    line = "  - ../../components/triton\n"
    text = file.read_text("utf-8")
    assert line in text
    file.write_text(text.replace(line, f"{line}  - ../../components/gpu\n"), "utf-8")

    [servers] = of_kind(kustomize(file.parent), "StatefulSet")

    assert [one["resources"]["limits"].get("nvidia.com/gpu") for one in containers(servers)] == [None, "1"]
