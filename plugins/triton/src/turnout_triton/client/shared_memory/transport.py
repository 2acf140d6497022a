"""A transport that sends large tensors through shared memory."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from typing import Any

from turnout.errors import BackendUnavailableError, ClosedError, DeadlineExceededError, TurnoutError, text_of
from turnout.forking import Forks
from turnout.tensors import BYTES
from turnout_triton.client.failures import RegionRefusedError, RegionTooSmallError, ServerMemoryError
from turnout_triton.client.messages import Answer, Ask, Buffer, TensorHead
from turnout_triton.client.servers import Server
from turnout_triton.client.shared_memory.exchange import Exchange
from turnout_triton.client.shared_memory.pool import RegionPool
from turnout_triton.client.wrapper import ServerWrapper

logger = logging.getLogger(__name__)

_REMEMBERED = 256


class SharedMemoryTransport(ServerWrapper):
    """Sends tensors from ``threshold_bytes`` on through regions shared with a server on this host; ``inner`` sends the rest.

    An output goes through shared memory from the second request of its input shapes on: the first answer tells its size. When
    the server refuses regions, everything goes over the wire from then on; the log says so once. A server that was restarted
    has forgotten its regions: they are registered again.

    Thread-safe: ``_outputs`` grows, ``_said`` and ``_swept`` go one way, all under ``_lock``; the pool has its own.
    """

    def __init__(self, inner: Server, threshold_bytes: int, url: str) -> None:
        super().__init__(inner)
        self._pool = RegionPool(inner)
        self._threshold_bytes = threshold_bytes
        self._url = url
        self.renew()
        self._outputs: dict[tuple[Any, ...], tuple[TensorHead, ...]] = {}
        self._refused = False
        self._said = False
        self._swept = False
        Forks.renew(self)

    def renew(self) -> None:
        """Take a new lock, at the start and in a forked child."""
        self._lock = threading.Lock()

    def infer(self, ask: Ask, timeout_seconds: float) -> Answer:
        deadline = time.monotonic() + timeout_seconds
        try:
            return self._infer(ask, deadline)
        except ServerMemoryError:
            # Both take from one memory, and it is the server that cannot go on: what is only kept here may be what it lacks.
            if not self._pool.make_room(deadline):
                raise
        return self._inner.infer(ask, _left(deadline))

    def _infer(self, ask: Ask, deadline: float) -> Answer:
        key = (ask.model, ask.version, ask.heads)
        outputs = self._outputs.get(key, ()) if self._outputs else ()
        if self._refused or not (outputs or self._any_large(ask.buffers)):
            return self._learned(key, self._inner.infer(ask, _left(deadline)))
        with Exchange(self._pool, self._threshold_bytes, ask.model, deadline) as exchange:
            placed = self._placed(exchange, ask, outputs, deadline)
            answer = None if placed is None else self._asked(exchange, placed, deadline)
        if answer is None:
            self._outputs.pop(key, None)
            answer = self._inner.infer(ask, _left(deadline))
        return self._learned(key, answer)

    def close(self) -> None:
        self._pool.close()
        super().close()

    def _placed(self, exchange: Exchange, ask: Ask, outputs: tuple[TensorHead, ...], deadline: float) -> Ask | None:
        """Return ``ask`` with its large tensors in regions; None if there are none to be had."""
        self._sweep_once(deadline)
        try:
            return exchange.placed(ask, outputs)
        except (BackendUnavailableError, DeadlineExceededError, ClosedError):
            raise
        except TurnoutError as error:
            self._refused = True
            self._say(error)
        except OSError as error:
            self._say(error)
        return None

    def _asked(self, exchange: Exchange, ask: Ask, deadline: float) -> Answer | None:
        """Return the answer; None if it does not fit into the regions, as when an output has grown."""
        try:
            return exchange.received(self._inner.infer(ask, _left(deadline)))
        except RegionTooSmallError:
            return None
        except RegionRefusedError:
            pass
        try:
            exchange.register_again()
            return exchange.received(self._inner.infer(ask, _left(deadline)))
        except RegionRefusedError:
            return None

    def _learned(self, key: tuple[Any, ...], answer: Answer) -> Answer:
        if self._any_large(answer.data.values()) and key not in self._outputs and _have_known_sizes(answer.heads):
            with self._lock:
                if len(self._outputs) < _REMEMBERED:
                    self._outputs[key] = answer.heads
        return answer

    def _any_large(self, buffers: Iterable[Buffer]) -> bool:
        return any(len(buffer) >= self._threshold_bytes for buffer in buffers)

    def _sweep_once(self, deadline: float) -> None:
        with self._lock:
            if self._swept:
                return
            self._swept = True
        self._pool.sweep(deadline)

    def _say(self, error: Exception) -> None:
        with self._lock:
            if self._said:
                return
            self._said = True
        logger.warning("no shared memory with triton at %r, tensors go over the wire: %s", self._url, text_of(error))


def _left(deadline: float) -> float:
    return max(0.001, deadline - time.monotonic())


def _have_known_sizes(heads: Iterable[TensorHead]) -> bool:
    return all(head.datatype != BYTES for head in heads)
