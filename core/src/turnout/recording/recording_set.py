"""Recording sets: folders of records to replay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from turnout.errors import InvalidInputError
from turnout.recording.manifest import read_lines
from turnout.recording.recorded_request import RecordedRequest, read_recorded_request


def folder_of_model(folder: Path, model: str) -> Path:
    """Return the folder of ``model``'s records: its folder in ``folder``, or ``folder`` itself."""
    inner = folder / model
    return inner if inner.is_dir() else folder


def record_files(folder: Path) -> list[Path]:
    """Return the records of ``folder``, oldest first; none if there is no such folder."""
    return sorted(folder.glob("*.npz"))


class RecordingSet:
    """The records of a folder, oldest first. Iteration reads one file at a time.

    Attributes:
        folder: the folder.
        files: its records.
    """

    def __init__(self, folder: Path) -> None:
        """List the records.

        Raises:
            InvalidInputError: there is no record, or a record of the manifest is missing.
        """
        self.folder = folder
        listed = [line["file"] for line in read_lines(folder)]
        self.files = tuple(record_files(folder))
        # Only the manifest shows that a record was deleted; a listing of the folder cannot.
        lost = sorted(set(listed) - {file.name for file in self.files})
        if lost:
            raise InvalidInputError(
                f"{len(lost)} of {len(listed)} records of {str(folder)!r} are missing, the first is {lost[0]!r}; "
                "restore them, or record again into another folder"
            )
        if not self.files:
            raise InvalidInputError(f"folder {str(folder)!r} has no records; record some: turnout record MODEL ...")

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[RecordedRequest]:
        """Yield every record.

        Raises:
            InvalidInputError: a record is damaged.
        """
        return map(read_recorded_request, self.files)
