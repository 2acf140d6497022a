"""Any path that the file system allows, and any text in a model's own code, whatever the locale of the caller."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from tests.plugins.triton.client.urls import settings
from tests.plugins.triton.conftest import AT_ONCE, write_identity

import turnout
from turnout.errors import BackendUnavailableError, ModelLoadError
from turnout_triton.server import LocalServer, ServerOptions, plain_links
from turnout_triton.server.private_environment import default_folder

# Reads UTF-8 from a file with a name of its own, prints, and answers x plus the number of words.
READS = """
import os
from pathlib import Path

import triton_python_backend_utils as utils


class TritonPythonModel:
    def initialize(self, args):
        folder = Path(args["model_repository"]) / args["model_version"]
        assert Path(__file__).parent.samefile(folder)
        assert "wörter.txt" in os.listdir(folder) and (folder / "wörter.txt").exists()
        self.words = open(folder / "wörter.txt").read().split()
        assert self.words == ["größe", "日本", "🙂"], self.words
        with open(folder / "wörter.txt") as again:
            assert again.read().split() == self.words
        print(*self.words, flush=True)

    def execute(self, requests):
        given = [utils.get_input_tensor_by_name(request, "x").as_numpy() for request in requests]
        return [utils.InferenceResponse([utils.Tensor("y", x + len(self.words))]) for x in given]
"""
X = np.array([[1, 2]], np.float32)
PATHS = {
    "space": "my models",
    "shell": "a$HOME `touch pwned`;touch pwned&|<>*?#",
    "quotes": 'it\'s "so" \\n',
    "unicode": "größe/日本/🙂",
    "newline": "one\ntwo:three",
    "dash": "-rf",
    "long": "/".join(["x" * 200] * 8),
}


def write_reader(repository: Path, name: str = "reads", code: str = READS) -> None:
    (repository / name / "1").mkdir(parents=True)
    (repository / name / "1" / "model.py").write_text(code, "utf-8")
    (repository / name / "1" / "wörter.txt").write_text("größe\n日本 🙂\n", "utf-8")
    (repository / name / "config.pbtxt").write_text(
        'backend: "python"\nmax_batch_size: 8\ninstance_group [{ count: 1 kind: KIND_CPU }]\n'
        'input [{ name: "x" data_type: TYPE_FP32 dims: [ 2 ] }]\noutput [{ name: "y" data_type: TYPE_FP32 dims: [ 2 ] }]\n'
    )


def answers(server: LocalServer, *names: str) -> list[list[list[float]]]:
    with turnout.open({"models": {f"m{number}": one(server, name) for number, name in enumerate(names)}}) as app:
        return [app.model(f"m{number}").infer({"x": X})["y"].tolist() for number in range(len(names))]


def one(server: LocalServer, name: str) -> dict:
    return settings(server.grpc_url, "m", model=name.replace("$", "$$"))["models"]["m"]


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_a_repository_is_served_whatever_its_path_is(tmp_path, monkeypatch, path) -> None:
    (tmp_path / path).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / path)
    write_reader(Path("repository"))
    write_identity(Path("repository"))

    with LocalServer(Path("repository"), AT_ONCE) as server:  # relative
        assert answers(server, "reads", "identity") == [[[4, 5]], [[1, 2]]]

    assert [entry.name for entry in Path.cwd().iterdir()] == ["repository"]


def test_a_model_is_served_whatever_its_folder_is_called(tmp_path) -> None:
    names = ["my model", "größe 日本", "it's $HOME;x"]
    for name in names:
        write_reader(tmp_path / "repository", name)
    write_identity(tmp_path)
    (tmp_path / "identity").rename(tmp_path / "repository" / "an identity ü")

    with LocalServer(tmp_path / "repository", AT_ONCE) as server:
        assert answers(server, *names, "an identity ü") == [[[4, 5]]] * 3 + [[[1, 2]]]


def test_the_private_environment_may_have_any_path(tmp_path, monkeypatch, small_repository) -> None:
    folder = tmp_path / "my: $HOME größe"
    folder.symlink_to(default_folder())
    monkeypatch.setenv("TURNOUT_TRITON_ENVIRONMENT", str(folder))

    with LocalServer(small_repository, AT_ONCE) as server:
        assert answers(server, "identity") == [[[1, 2]]]


def test_links_are_removed_when_the_server_ends(tmp_path, monkeypatch) -> None:
    places = tmp_path / "tmp"
    places.mkdir()
    monkeypatch.setattr(plain_links.tempfile, "gettempdir", lambda: str(places))
    write_reader(tmp_path / "my models")

    with LocalServer(tmp_path / "my models", AT_ONCE) as server:
        assert len(list(places.iterdir())) == 1
        server.kill()
        server.restart()
        assert answers(server, "reads") == [[[4, 5]]]

    assert list(places.iterdir()) == []


@pytest.mark.parametrize(
    "variables", [{"LC_ALL": "C"}, {"LC_ALL": "POSIX", "PYTHONUTF8": "0"}, {"LANG": "", "LC_CTYPE": "no_SUCH.locale"}], ids=str
)
def test_a_model_speaks_utf8_whatever_the_locale_is(tmp_path, monkeypatch, variables) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    write_reader(tmp_path / "repository")
    lines: list[str] = []

    with LocalServer(tmp_path / "repository", AT_ONCE, log=lines.append) as server:
        assert answers(server, "reads") == [[[4, 5]]]

    assert "größe 日本 🙂" in lines


@pytest.mark.parametrize(
    ("place", "end"),
    [
        ("        folder =", "        os._exit(3)"),
        ("        folder =", "        os.kill(os.getpid(), 9)"),
        ("import triton_python", "os.abort()"),
    ],
    ids=["exits", "killed", "aborts at import"],
)
def test_a_process_that_dies_while_its_model_loads_is_noticed_at_once(tmp_path, place, end) -> None:
    indent = end[: len(end) - len(end.lstrip())]
    code = READS.replace(place, f"{indent}print('the last words', flush=True)\n{end}\n{place}", 1)
    write_reader(tmp_path / "repository", code=code)
    start = time.monotonic()

    with pytest.raises((BackendUnavailableError, ModelLoadError), match=r"last lines.*: .*the last words") as caught:
        LocalServer(tmp_path / "repository", ServerOptions(trust=True, grace_seconds=0)).start()

    assert caught.value.next_step
    assert time.monotonic() - start < 60


def test_without_links_a_space_is_noticed_by_these_tests(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("turnout_triton.server.staging.is_plain", lambda path: True)
    monkeypatch.setattr(plain_links, "is_plain", lambda path: True)
    write_reader(tmp_path / "my models")

    with pytest.raises(BackendUnavailableError, match="ended while Triton was loading it"):
        LocalServer(tmp_path / "my models", AT_ONCE).start()
