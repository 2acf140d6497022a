"""A server that is killed and restarted once, under load."""

from __future__ import annotations

from tests.plugins.triton.chaos.load import Load, Report, keep_busy
from tests.plugins.triton.chaos.stack import Stack
from tests.plugins.triton.client.waiting import until

from turnout_triton.server import LocalServer


def through_an_outage(server: LocalServer, stack: Stack) -> Report:
    """Return the records of 8 threads' requests: ``server`` answers, is killed, is restarted and gets its share again."""
    with keep_busy(Load(stack.model, 8, 0.005)) as load:
        until(lambda: stack.answered("triton") >= 100, 20)
        server.kill()
        until(lambda: stack.fell_back() >= 200, 20)
        server.restart()
        answered = stack.answered("triton")
        until(lambda: stack.answered("triton") > answered + 100, 20)
        return load.finish()
