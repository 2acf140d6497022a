"""Sources that are no checkpoint."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from turnout import SourceRequest
from turnout.errors import ConfigurationError
from turnout.files.fingerprint import fingerprint
from turnout_direct.sources.found import find_sources


@pytest.mark.parametrize("text", ["net.onnx", "net.pt", "./net", "net.onnx/", "a b", "a/b/c", "x:y:z"])
def test_what_is_no_checkpoint_name_or_function_is_for_others(tmp_path: Path, text: str) -> None:
    assert find_sources(SourceRequest(text, tmp_path)) == ()


def test_a_folder_without_a_config_is_for_others(tmp_path: Path) -> None:
    (tmp_path / "repository").mkdir()

    assert find_sources(SourceRequest("repository", tmp_path, "repository")) == ()


@pytest.mark.parametrize("suffix", [".pt", ".pt2"])
def test_a_saved_graph_opens_only_for_a_user_who_vouches_for_it(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"net{suffix}"
    file.write_bytes(b"code")

    with pytest.raises(ConfigurationError, match=f"give the option sha256={fingerprint(file)}"):
        find_sources(SourceRequest(str(file), tmp_path, file.name))
    [trusted] = find_sources(SourceRequest(str(file), tmp_path, file.name, {"trust": True}))

    assert (trusted.name, trusted.options["path"], trusted.options["trust"]) == ("net", file.name, True)


def test_a_function_is_a_factory(tmp_path: Path) -> None:
    [model] = find_sources(SourceRequest("my.nets:make_net", tmp_path))

    assert (model.name, model.options) == ("make_net", {"loader": "factory", "factory": "my.nets:make_net"})


@pytest.mark.parametrize("name", ["nowhere", "someone/something"])
def test_a_name_that_the_offline_hub_does_not_have_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))

    with pytest.raises(ConfigurationError, match=f"'{name}' is no file or folder here") as caught:
        find_sources(SourceRequest(name, tmp_path, options={"local_files_only": True}))

    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def use_hub(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Use the hub at ``url``, as HF_ENDPOINT does before huggingface_hub is imported."""
    from huggingface_hub import constants

    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", url)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Start a hub that has config.json of someone/something only; yield the requests that it got for that file."""
    from huggingface_hub import constants

    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/someone/something/resolve/main/config.json"
            asked.extend([f"{self.command} {self.path}"] * self.path.endswith("config.json"))
            status = 200 if found else 404 if "/someone/" in self.path else 503
            body = b'{"architectures": ["ViTForImageClassification"], "image_size": 32}' if found else b""
            self.send_response(status)
            headers = {"ETag": '"abc"', "X-Repo-Commit": "0" * 40, "Content-Length": str(len(body))}
            for header in (headers | ({"X-Error-Code": "EntryNotFound"} if status == 404 else {})).items():
                self.send_header(*header)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)  # other tests of this process are offline
        use_hub(monkeypatch, f"http://127.0.0.1:{server.server_port}")
        yield asked
        server.shutdown()


@pytest.mark.parametrize("name", ["nothing", "noone/something"])
def test_a_name_that_the_hub_does_not_give_is_asked_for_once(
    tmp_path: Path, hub: list[str], capfd: pytest.CaptureFixture[str], name: str
) -> None:
    with pytest.raises(
        ConfigurationError, match=f"'{name}' is no file or folder here, .* cannot be used: HfHubHTTPError: .*503"
    ):
        find_sources(SourceRequest(name, tmp_path))

    assert hub == [f"HEAD /{name}/resolve/main/config.json"]
    assert capfd.readouterr() == ("", "")
    [model] = find_sources(SourceRequest("someone/something", tmp_path))
    assert (model.name, model.options["checkpoint"]) == ("something", "someone/something")


def test_without_a_network_the_cache_answers_at_once_or_the_name_is_refused(
    tmp_path: Path, hub: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    find_sources(SourceRequest("someone/something", tmp_path))
    use_hub(monkeypatch, "http://127.0.0.1:9")
    capfd.readouterr()
    start = time.monotonic()

    with pytest.raises(ConfigurationError, match="cannot be used: the hub cannot be reached, and its cache does not have"):
        find_sources(SourceRequest("nothing", tmp_path))
    [model] = find_sources(SourceRequest("someone/something", tmp_path))

    assert time.monotonic() - start < 10
    assert model.name == "something"
    assert capfd.readouterr() == ("", "")


def test_a_name_in_the_cache_of_the_hub_is_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--someone--something" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0" * 40)
    (snapshot / "config.json").write_text('{"architectures": ["ViTForImageClassification"], "image_size": 32}')

    [model] = find_sources(SourceRequest("someone/something", tmp_path, options={"local_files_only": True}))

    assert (model.name, model.options["checkpoint"]) == ("something", "someone/something")
