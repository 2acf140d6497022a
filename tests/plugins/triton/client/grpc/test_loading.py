"""gRPC is loaded so that forked children leave the parent's connections alone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
if sys.argv[1] == "early":
    import grpc
from turnout_triton.client.grpc.loading import load_grpc
grpc = load_grpc()
channel = grpc.insecure_channel(sys.argv[2])
channel.unary_unary("/inference.GRPCInferenceService/ServerLive")(b"")
child = os.fork()
if child == 0:
    os._exit(len(os.listdir("/proc/self/task")))
threads = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
channel.close()
sys.stdout.write(f"{threads} {os.environ.get('GRPC_ENABLE_FORK_SUPPORT')}")
"""


def threads_in_child(url: str, when: str, **environment: str) -> list[str]:
    """Return how many threads a child has, and what the environment says afterwards."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM, when, url]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30, env={**os.environ, **environment})
    return done.stdout.split()


def test_no_thread_of_grpc_runs_in_a_child_and_the_environment_is_unchanged(server) -> None:
    assert threads_in_child(server.grpc_url, "late") == ["1", "None"]


def test_a_variable_of_the_environment_is_kept(server) -> None:
    assert threads_in_child(server.grpc_url, "late", GRPC_ENABLE_FORK_SUPPORT="0") == ["1", "0"]


@pytest.mark.parametrize("when", ["early"])
def test_without_it_grpcs_threads_would_run_there(server, when) -> None:
    threads, _ = threads_in_child(server.grpc_url, when)

    assert int(threads) > 1
