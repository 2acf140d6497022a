"""The variables of a file, and credentials that are not in one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from pydantic import SecretStr

from turnout import Options
from turnout.settings import LoadedSettings
from turnout.settings.document.source import document_of_mapping
from turnout.settings.variables import Variable, credentials_of, secret_paths, variables_of

NONE: frozenset[Any] = frozenset()


class Inner(Options):
    password_like: SecretStr


class RemoteOptions(Options):
    url: str = ""
    headers: Mapping[str, SecretStr] = {}
    keys: tuple[SecretStr, ...] = ()
    inner: Inner | None = None


def model(**options: Any) -> dict[str, Any]:
    return {"models": {"m": {"backends": {"remote": options}}}}


def path(*keys: str | int) -> tuple[str | int, ...]:
    return ("models", "m", "backends", "remote", *keys)


def test_a_variable_has_its_places_and_the_default_of_the_file() -> None:
    document = document_of_mapping(
        {"backend": "${B:-direct}", "models": {"m": {"backend": "${B:-other}", "x": "a-${C}-$$D-${C}"}}}
    )

    assert variables_of(document, NONE) == (
        Variable("B", (("backend",), ("models", "m", "backend")), "direct", secret=False, whole=True),
        Variable("C", (("models", "m", "x"),), None, secret=False, whole=False),
    )


def test_a_place_without_a_default_makes_the_variable_necessary() -> None:
    [variable] = variables_of(document_of_mapping({"a": "${X:-1}", "b": "${X}"}), NONE)

    assert variable.default is None


@pytest.mark.parametrize("key", ["token", "api_key", "password", "headers"])
def test_a_key_for_credentials_makes_a_variable_secret(key: str) -> None:
    [variable] = variables_of(document_of_mapping(model(**{key: "${X:-}"})), NONE)

    assert variable.secret


def test_a_place_that_a_plugin_declares_as_secret_is_one() -> None:
    options = RemoteOptions.model_validate({"headers": {"a": "1"}, "keys": ["2", "3"], "inner": {"password_like": "4"}})
    secrets = secret_paths({("m", "remote"): options})
    written = model(headers={"a": "${A}"}, keys=["x", "${B}"], inner={"password_like": "${C}"}, url="${D}")

    assert secrets == {path("headers", "a"), path("keys", 0), path("keys", 1), path("inner", "password_like")}
    assert {one.name: one.secret for one in variables_of(document_of_mapping(written), secrets)} == {
        "A": True,
        "B": True,
        "C": True,
        "D": False,
    }


def test_a_credential_is_found_where_it_is_written() -> None:
    written = model(url="http://me:pw@host:80", keys=["x"], note="me@host", headers={"a": "${A}", "b": "Bearer x"})

    found = credentials_of(document_of_mapping(written), frozenset({path("keys", 0)}))

    assert set(found) == {path("url"), path("keys", 0), path("headers", "b")}


def test_loaded_settings_name_them_by_line(load: Callable[..., LoadedSettings]) -> None:
    loaded = load('models:\n  m:\n    backend: direct\n    backends:\n      direct: {revision: "${R:-main}"}\n')

    assert [one.name for one in loaded.variables()] == ["R"]
    assert loaded.credentials() == ()
    assert loaded.text.startswith("models:")
