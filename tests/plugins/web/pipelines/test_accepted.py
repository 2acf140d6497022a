from __future__ import annotations

import pytest

from turnout_web.pipelines.accepted import JSON, PNG, choose_type
from turnout_web.problems import Problem


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("image/png", PNG),
        ("image/*, */*;q=0.1", PNG),
        ("image/avif,image/webp,image/png,*/*;q=0.8", PNG),
        ("application/json;q=0.4, image/png;q=0.3", JSON),
        ("application/json;q=0, */*", PNG),
        ("IMAGE/PNG", PNG),
        ("image/png;q=x, application/json", JSON),
    ],
)
def test_the_preferred_type_is_chosen(accept: str, chosen: str) -> None:
    assert choose_type(accept, (JSON, PNG)) == chosen


@pytest.mark.parametrize("accept", ["text/html", "image/png;q=0", "application/json;q=0, image/png;q=0.0"])
def test_no_acceptable_type_is_a_problem(accept: str) -> None:
    with pytest.raises(Problem, match="accepts") as refused:
        choose_type(accept, (JSON, PNG))

    assert refused.value.status == 406
