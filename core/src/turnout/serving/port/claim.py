"""Which of the workers of an app listens on its port: the one that holds a lock in the folder of their metrics."""

from __future__ import annotations

from io import BufferedWriter

from turnout.files.lock import try_lock
from turnout.files.regular import append_to_own
from turnout.metrics.process_files import shared_folder


class PortClaim:
    """The claim of this process to ``port``. Without PROMETHEUS_MULTIPROC_DIR nothing is shared, and each claim holds."""

    def __init__(self, port: int) -> None:
        self._name = f"metrics_port_{port}.lock"
        self._stream: BufferedWriter | None = None

    def take(self) -> bool:
        """Return whether this process has the claim now; False while another one has it.

        Raises:
            OSError: the file of the lock cannot be written.
        """
        folder = shared_folder()
        if folder is None or self._stream is not None:
            return True
        stream = append_to_own(folder / self._name)
        try:
            is_free = try_lock(stream.fileno())
        except OSError:  # a file system without locks
            is_free = True
        if not is_free:
            stream.close()
            return False
        self._stream = stream
        return True

    def release(self) -> None:
        """Give the claim up; a forked child that does so leaves it to its parent."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None
