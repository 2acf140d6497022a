"""The values of turnout.yaml that no text shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from turnout.hidden_values import hide
from turnout.settings.document.parse import parse
from turnout.settings.environment import substitute
from turnout.settings.hidden import hide_secrets, hide_variables


def _load(text: str, **environment: str) -> None:
    document = parse(text, "turnout.yaml")
    substituted = substitute(document.values, environment)
    hide_variables(document, substituted.values, environment)


@pytest.mark.parametrize(
    ("line", "environment", "message", "shown"),
    [
        ("token: ${T}", {"T": "hunter2"}, "bad token 'hunter2'", "bad token '${T}'"),
        ("token: pre${T}post", {"T": "hunter2"}, "got prehunter2post", "got pre${T}post"),
        ("checkpoint: ${DIR}/m.pt", {"DIR": "/srv/private"}, "no file '/srv/private/m.pt'", "no file '${DIR}/m.pt'"),
        ("both: ${A}-${B}", {"A": "first1", "B": "second2"}, "first1 second2", "${A} ${B}"),
        ("list: [x, '${T}']", {"T": "hunter2"}, "got hunter2", "got ${T}"),
        ("$$: $${T} ${T}", {"T": "hunter2"}, "got hunter2", "got ${T}"),
        # Of a server, everything but its host and port.
        ("url: ${U}", {"U": "grpc://u:hunter2@tri.to:8001"}, "u:hunter2 hunter2 tri.to:8001", "*** *** tri.to:8001"),
        ("url: ${U}", {"U": "https://host/base-path-7?key=v4lue"}, "host base-path-7?key=v4lue", "host ***"),
        ("url: ['${U}:8001']", {"U": "triton.internal"}, "at 'triton.internal:8001'", "at 'triton.internal:8001'"),
        ("metrics_url: ${U}", {"U": "host:8002"}, "at host:8002", "at host:8002"),
        ("url: ${U}", {"U": "not an address at all"}, "got 'not an address at all'", "got '${U}'"),
        # Elsewhere the same text is no address.
        ("login: ${U}", {"U": "admin:12345"}, "login 'admin:12345'", "login '${U}'"),
        # Credentials that are in the file itself.
        ("a: {b: {c: {url: 'grpc://u:pass w/rd@host:1'}}}", {}, "'grpc://u:pass w/rd@host:1'", "'grpc://***@host:1'"),
        ("a: {b: {c: {headers: ['Token s3same']}}}", {}, "got Token s3same", "got ***"),
        ("a: {b: {c: {api_key: 's3s$$ame'}}}", {}, "got s3s$ame", "got ***"),
        ("a: {headers: {c: {prompt: plain}}}", {}, "got plain", "got plain"),
        # What the reader of the file knows.
        ("backend: ${B:-direct}\nbackends: {triton: , direct: }", {"B": "triton"}, "backend 'triton'", "backend 'triton'"),
        ("path: ${P:-model_repository}", {"P": "model_repository"}, "in model_repository", "in model_repository"),
        ("path: ${P:-default-path}", {}, "in default-path", "in default-path"),
        ("n: ${N}", {"N": "1"}, "1 of 1", "1 of 1"),
        ("n: ${N}", {"N": "120.5"}, "after 120.5 s", "after 120.5 s"),
        ("device: ${D}", {"D": "cpu"}, "on cpu", "on cpu"),
    ],
)  # fmt: skip
def test_a_value_of_a_variable_is_shown_as_the_file_has_it(
    line: str, environment: dict[str, str], message: str, shown: str
) -> None:
    _load(line, **environment)

    assert hide(message) == shown


def test_secrets_of_options_are_hidden_though_the_file_contains_them() -> None:
    class Inner(BaseModel):
        key: SecretStr

    class Connection(BaseModel):
        headers: dict[str, SecretStr]
        inner: Inner

    hide_secrets([Connection(headers={"x": SecretStr("Token sesame-open")}, inner=Inner(key=SecretStr("hunter22")))])

    assert hide("sent 'Token sesame-open', sesame-open, hunter22") == "sent '***', ***, ***"


def test_a_mapping_hides_as_a_file_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from turnout.plugins.discovery import find_plugins
    from turnout.settings import load_settings

    settings: dict[str, Any] = {"models": {"m": {"backend": "x", "backends": {"x": {"a": "${T}"}}}}}

    with pytest.raises(Exception, match="x") as caught:
        load_settings(settings, registry=find_plugins(), environment={"T": "hunter2-long"})

    assert "hunter2" not in str(caught.value)
    assert hide("hunter2-long") == "${T}"
