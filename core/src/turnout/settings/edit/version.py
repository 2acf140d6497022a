"""The edit of one line of turnout.yaml: the version of the model repository that answers."""

from __future__ import annotations

from dataclasses import dataclass

from turnout.settings.edit.file_edit import FileEdit


@dataclass(frozen=True, slots=True)
class VersionSwitch:
    """The result of ``edit_version``.

    Attributes:
        file: the file, as the user named it.
        model: the model.
        before: the former version as written; None if the model named none.
        after: the new version.
        line: the number of the line.
        diff: the changed lines as a unified diff; empty if the file is unchanged.
    """

    file: str
    model: str
    before: object
    after: str
    line: int
    diff: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: model {self.model!r}"
        if not self.diff:
            return f"{place} is already on version {self.after}; the file is unchanged"
        before = "chose no version" if self.before is None else f"was on version {self.before}"
        return f"{place} {before}, is on version {self.after} now\n{self.diff}"


def edit_version(edit: FileEdit, version: int) -> VersionSwitch:
    """Set the ``version`` of the model in ``edit``, below its ``backend``; comments and all else stay.

    Raises:
        ConfigurationError: the file cannot be edited there.
    """
    before = edit.document.value_at(("models", edit.model, "version"))
    if str(before) != str(version):
        edit.set(("version",), str(version), version, below="backend")
    line = edit.document.mark_of_key(("models", edit.model, "version")).line
    return VersionSwitch(edit.source, edit.model, before, str(version), line, edit.diff())
