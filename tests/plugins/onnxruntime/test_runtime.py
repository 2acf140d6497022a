from __future__ import annotations

import os
import subprocess
import sys

import pytest

from turnout.errors import MissingDependencyError
from turnout_onnxruntime.runtime import import_onnxruntime


def test_reports_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)

    with pytest.raises(MissingDependencyError, match="install it with: pip install onnxruntime"):
        import_onnxruntime()


@pytest.mark.parametrize(("given", "expected"), [({}, "1"), ({"ORT_DISABLE_TELEMETRY": "0"}, "0")])
def test_telemetry_is_off_unless_the_user_enables_it(given: dict[str, str], expected: str) -> None:
    program = (
        "import os; from turnout_onnxruntime.runtime import import_onnxruntime; import_onnxruntime(); "
        "print(os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    environment = {name: text for name, text in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"} | given

    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, timeout=60, capture_output=True, text=True, check=True
    )

    assert ended.stdout.strip() == expected
