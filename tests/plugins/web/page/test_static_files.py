"""The files of the page, and the headers under which a browser runs nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.plugins.web.kserve.running import Running

from turnout_web.page.static_files import FILES, FOLDER, OPEN_PATHS, read_static_file

SCRIPTS = sorted(FOLDER.glob("*.js"))
OUTSIDE = re.compile(r"(https?:)?//(?!www\.w3\.org/2000/svg)[a-z]")
# Each turns a text into code or markup.
SINKS = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\(\"on|DOMParser|srcdoc"
)


def test_the_list_of_files_is_the_folder() -> None:
    assert sorted(FILES) == sorted(file.name for file in FOLDER.iterdir())


@pytest.mark.parametrize("path", OPEN_PATHS)
def test_each_file_is_sent_with_its_type_and_a_strict_policy(server: Running, path: str) -> None:
    answer = server.send("GET", path)

    assert answer.status == 200
    assert answer.body == read_static_file(path.rpartition("/")[2] or "index.html").content
    policy = answer.headers["content-security-policy"]
    wanted = [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for",
    ]
    assert [each for each in wanted if each not in policy] == []
    assert [each for each in ("unsafe", "http", "*") if each in policy] == []
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"].split("/")[0] in ("text", "image")


def test_a_browser_that_has_a_file_does_not_get_it_again(server: Running) -> None:
    etag = server.send("GET", "/page/main.js").headers["etag"]

    again = server.send("GET", "/page/main.js", headers={"If-None-Match": etag})
    other = server.send("GET", "/page/main.js", headers={"If-None-Match": '"another"'})

    assert (again.status, again.body, other.status) == (304, b"", 200)


def test_a_path_outside_of_the_page_is_not_found(server: Running) -> None:
    for path in ("/page/../problems.py", "/page/%2e%2e/problems.py", "/page/", "/page/board.py", "/page/static/main.js"):
        assert server.send("GET", path).status == 404, path
    assert server.send("GET", "/page/main.js").status == 200


@pytest.mark.parametrize(
    "file", [*SCRIPTS, FOLDER / "index.html", FOLDER / "page.css", FOLDER / "icon.svg"], ids=lambda file: file.name
)
def test_no_file_names_an_address_or_makes_markup_of_a_text(file: Path) -> None:
    text = file.read_text("utf-8")

    assert OUTSIDE.findall(text) == []
    assert SINKS.findall(text) == []


@pytest.mark.parametrize(
    "planted", ['import "https://cdn.example/x.js";', 'fetch("//cdn.example/x")', "box.innerHTML = caption;", "eval(text)"]
)
def test_the_search_finds_a_planted_address_and_a_planted_sink(planted: str) -> None:
    assert OUTSIDE.search(planted) or SINKS.search(planted)


def test_with_a_token_the_page_is_open_and_what_it_asks_is_not(server_with_token: Running) -> None:
    for path in OPEN_PATHS:
        assert server_with_token.send("GET", path).status == 200, path
    for path in ("/v1/board", "/v1/pipelines", "/v1/compare/describe", "/page/board.py"):
        assert server_with_token.send("GET", path).status == 401, path
    good = server_with_token.send("GET", "/v1/board", headers={"Authorization": "Bearer the-token-of-this-test"})
    assert good.status == 200
