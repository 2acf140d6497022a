"""``turnout schema``."""

from __future__ import annotations

import json
from typing import Any


def test_the_schema_is_json_that_knows_the_plugins_options(cli: Any) -> None:
    ended = cli("schema")

    schema = json.loads(ended.out)
    assert (ended.code, ended.err) == (0, "")
    assert {"models", "pipelines", "backend"} <= set(schema["$defs"]["Settings"]["properties"])
    assert '"plus"' in ended.out
    assert '"look"' in ended.out
