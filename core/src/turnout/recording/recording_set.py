"""A folder of records, for replaying."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from turnout.errors import InvalidInputError
from turnout.recording.manifest import read_lines
from turnout.recording.recorded_request import RecordedRequest, read_recorded_request


def folder_of_model(folder: Path, model: str) -> Path:
    """Return where the records of ``model`` are: in its folder in ``folder``, or in ``folder`` itself."""
    inner = folder / model
    return inner if inner.is_dir() else folder


class RecordingSet:
    """The records of a folder, oldest first, each read when its turn comes.

    Attributes:
        folder: the folder.
        files: its records.
    """

    def __init__(self, folder: Path) -> None:
        """See what is there.

        Raises:
            InvalidInputError: there is no record, or one that was written is gone.
        """
        self.folder = folder
        listed = [line["file"] for line in read_lines(folder)]
        self.files = tuple(sorted(folder.glob("*.npz")))
        lost = sorted(set(listed) - {file.name for file in self.files})
        if lost:
            raise InvalidInputError(
                f"{len(lost)} of {len(listed)} records of {str(folder)!r} are lost, the first of them {lost[0]!r}; "
                "bring them back, or record again into another folder"
            )
        if not self.files:
            raise InvalidInputError(f"there is no record in {str(folder)!r}; record some: turnout record MODEL ...")

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[RecordedRequest]:
        """Yield every record.

        Raises:
            InvalidInputError: a record is torn.
        """
        return map(read_recorded_request, self.files)
