"""A POSIX shared memory region of this process, and those that dead processes left behind."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
import re
import secrets
from pathlib import Path

from turnout.files.lock import try_lock
from turnout_triton.client.messages import Buffer

FOLDER = Path("/dev/shm")  # noqa: S108  # where Linux keeps POSIX shared memory objects
PREFIX = "turnout-"
# Does not match the regions of our own servers, "turnout-triton-<pid>-...", which hold no lock.
_NAME = re.compile(rf"{PREFIX}[0-9]+-[0-9a-f]{{12}}")
_MOST_NAMES = 20
_MAP_FIXED = 0x10  # Linux's value; Python's mmap cannot map at an address


class SharedMemoryRegion:
    """A region of ``size_bytes``, mode 0600, mapped into this process; its name is ``turnout-<pid>-<random>``.

    Its file is locked as long as its process lives: the kernel drops the lock with the process, whatever ends it.
    """

    # Not multiprocessing.shared_memory: before Python 3.13 its tracker destroys what another process made.
    def __init__(self, size_bytes: int) -> None:
        self.name, self._descriptor = _create_locked()
        self.size_bytes = size_bytes
        try:
            # Allocates the pages now, with an OSError: writing to a full /dev/shm later would be SIGBUS.
            os.posix_fallocate(self._descriptor, 0, size_bytes)
            self._map = mmap.mmap(self._descriptor, size_bytes)
        except BaseException:
            remove_region(self.name)
            self.close()
            raise

    def write(self, buffer: Buffer) -> None:
        """Copy ``buffer`` to the beginning."""
        view = memoryview(buffer).cast("B")
        self._map[: view.nbytes] = view

    def read(self, size_bytes: int) -> memoryview:
        """Return a view of the beginning; the next write changes it."""
        return memoryview(self._map)[:size_bytes]

    def make_private(self) -> None:
        """Replace the mapping by a private copy-on-write one: same address, same contents, no longer shared.

        Raises:
            OSError: the system refuses it.
        """
        # One mmap over the old one is atomic: an array that reads meanwhile sees no gap.
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        protection, flags = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | _MAP_FIXED
        if _mmap(address, self.size_bytes, protection, flags, self._descriptor, 0) != address:
            raise OSError(ctypes.get_errno(), f"shared memory region {self.name!r} cannot be made private")

    def destroy(self) -> None:
        """Remove the region's name; the memory is freed when the server has unmapped it too."""
        remove_region(self.name)
        self.abandon()

    def abandon(self) -> None:
        """Close file and mapping and keep the name, by which it can be unregistered and removed, by any process."""
        self.close()
        # At once, not with this object: the traceback of a failed request may hold it until the next garbage collection, and
        # the mapping has a descriptor of its own. If an array still uses it, it ends with that.
        with contextlib.suppress(BufferError):
            self._map.close()

    def close(self) -> None:
        """Close the file and keep the region: in a forked child, which holds the parent's lock until then."""
        # The mapping is not closed: an array may still use it. It ends with the last object that holds it.
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


_mmap = ctypes.CDLL(None, use_errno=True).mmap
_mmap.restype = ctypes.c_void_p
_mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)


def _create_locked() -> tuple[str, int]:
    """Return the name and the descriptor of a new file that this process has locked."""
    for _ in range(_MOST_NAMES):
        name = f"{PREFIX}{os.getpid()}-{secrets.token_hex(6)}"
        descriptor = os.open(FOLDER / name, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            if try_lock(descriptor):
                return name, descriptor
        except OSError:
            os.close(descriptor)
            remove_region(name)
            raise
        # Another process tests at this moment whether this file is a dead one's, and would remove it once it has a size.
        os.close(descriptor)
        remove_region(name)
    raise OSError(errno.EAGAIN, "new files are locked by another process", str(FOLDER))


def dead_regions() -> list[str]:
    """Return the names of regions whose process has ended."""
    return [file.name for file in FOLDER.glob(f"{PREFIX}*") if _NAME.fullmatch(file.name) and _is_dead(file)]


def remove_region(name: str) -> None:
    """Remove the name of a region."""
    (FOLDER / name).unlink(missing_ok=True)


def _is_dead(file: Path) -> bool:
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    except OSError:  # removed meanwhile, or another user's
        return False
    try:
        # An empty one is being created: its process has not locked it yet.
        return try_lock(descriptor) and os.fstat(descriptor).st_size > 0
    except OSError:
        return False
    finally:
        os.close(descriptor)
