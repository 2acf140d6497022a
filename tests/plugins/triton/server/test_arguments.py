"""The command line of tritonserver: who may load models."""

from __future__ import annotations

from pathlib import Path

from turnout_triton.server.arguments import server_arguments
from turnout_triton.server.ports import Ports
from turnout_triton.server.servable_models import ServableModel

MODE, ALL = "--model-control-mode=explicit", "--load-model=*"
HEADER = "--http-restricted-api=model-repository:turnout-control=local"


def arguments(chosen: tuple[ServableModel, ...] = (), own: tuple[str, ...] = (), *, ours: bool = True) -> list[str]:
    return server_arguments(Path("/repository"), "127.0.0.1", Ports(1, 2, 3), chosen, own, python_based=ours)


def test_the_server_that_we_ship_loads_what_it_is_told_to_and_no_web_page_can() -> None:
    assert {MODE, ALL, HEADER} <= set(arguments())


def test_another_server_keeps_its_own_mode() -> None:
    assert not {MODE, ALL, HEADER} & set(arguments(ours=False))


def test_a_mode_of_the_users_own_replaces_ours() -> None:
    assert not {MODE, ALL, HEADER} & set(arguments(own=("--model-control-mode=poll",)))
