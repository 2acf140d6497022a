"""Questions to backends whether they are ready, none of which a caller waits for beyond its limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from turnout.forking import Forks
from turnout.inference import ModelInference


class _Question:
    """A call of ``ready`` in a thread; ``answer`` is None until it has returned."""

    def __init__(self, model: ModelInference, name: str) -> None:
        self._model = model
        self.answer: bool | None = None
        self.done = threading.Event()
        # A daemon: a backend that hangs must not keep the process alive.
        self.thread = threading.Thread(target=self._ask, name=name, daemon=True)

    def _ask(self) -> None:
        try:
            self.answer = bool(self._model.ready())
        except Exception:  # noqa: BLE001  # a backend that fails to say so is not ready
            self.answer = False
        finally:
            self.done.set()


class Readiness:
    """Asks models whether they are ready, all at once; one that hangs is not asked again until it has answered.

    Thread-safe: ``_open`` is under ``_lock``. A forked child forgets the questions of its parent, whose threads it has not.
    """

    def __init__(self) -> None:
        self._questions: dict[int, _Question] = {}
        self.renew()
        Forks.renew(self)

    def renew(self) -> None:
        """Replace the lock, and forget the questions of the parent."""
        self._lock = threading.Lock()
        self._questions = {}

    def ask(self, models: Sequence[ModelInference], seconds: float) -> list[bool | None]:
        """Return the answer of each model; None where it did not come in ``seconds``, the limit of all together."""
        end = time.monotonic() + seconds
        questions = [self._question(model) for model in models]
        for question in questions:
            question.done.wait(max(0.0, end - time.monotonic()))
        return [question.answer for question in questions]

    def _question(self, model: ModelInference) -> _Question:
        """Return the question that waits for ``model``, or a new one."""
        with self._lock:
            known = self._questions.get(id(model))
            if known is not None and not known.done.is_set():
                return known
            # Those that have ended are dropped here, and a model that hangs has one thread.
            self._questions = {key: open_ for key, open_ in self._questions.items() if not open_.done.is_set()}
            question = self._questions[id(model)] = _Question(model, "turnout-ready")
            question.thread.start()
            return question
