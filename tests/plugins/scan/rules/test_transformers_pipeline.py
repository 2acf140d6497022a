"""The ``pipeline()`` of transformers, and other pipelines."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.plugins.scan.marked import check_marks, check_silent

RULE = "transformers-pipeline"
BUGS = {
    "by its name": "from transformers import pipeline as p\ndef make(): return p('image-to-text')  #! transformers-pipeline\n",
    "by the package": (
        "import transformers\npipe = transformers.pipeline(task='image-to-text', model='m')  #! transformers-pipeline\n"
    ),
}
NEAR_MISSES = {
    "a function of the app": "import transformers\ndef pipeline(task): ...\npipe = pipeline('image-to-text')\n",
    "scikit-learn": "import transformers\nfrom sklearn.pipeline import Pipeline, make_pipeline\npipe = make_pipeline(1)\n",
    "Turnout": "import turnout, torch\nwith turnout.open() as app:\n    pipe = app.pipeline('describe')\n",
}


@pytest.mark.parametrize("files", BUGS.values(), ids=BUGS)
def test_a_pipeline_of_transformers_is_found(files: dict[str, str] | str, tmp_path: Path) -> None:
    check_marks(tmp_path, files, RULE)


@pytest.mark.parametrize("files", NEAR_MISSES.values(), ids=NEAR_MISSES)
def test_another_pipeline_is_not_found(files: dict[str, str] | str, tmp_path: Path) -> None:
    check_silent(tmp_path, files, RULE)
