"""The package's own exceptions: what went wrong, where, and what to do, in one sentence.

Invariants: ``str(error)`` is a single line that stands on its own; every exception a user can cause
derives from ``LobsimError``.  The command line prints that line and nothing else.
A refused order is not an error: it is a report with a reason (``lobsim.types.Reason``).
"""

from __future__ import annotations

import os


class LobsimError(Exception):
    """Base of everything this package raises on purpose.

    what   what is wrong, without a full stop: "size is -3, at least 1 is needed"
    where  where it was found, or ""
    hint   what to do about it, or ""
    """

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        """One sentence on one line: ``where: what; hint``."""
        place = f"{self.where}: " if self.where else ""
        advice = f"; {self.hint}" if self.hint else ""
        return " ".join(f"{place}{self.what}{advice}".split())


class DataError(LobsimError):
    """A file or a table holds something that cannot be right.

    file   its name, as the user gave it
    row    the row in question, counted from 1
    field  the column in question
    """

    def __init__(
        self,
        what: str,
        *,
        file: str | os.PathLike[str] | None = None,
        row: int | None = None,
        field: str | None = None,
        hint: str = "",
    ) -> None:
        self.file = None if file is None else os.fspath(file)
        self.row = row
        self.field = field
        row_words = None if row is None else f"row {row}"
        place = " ".join(part for part in (self.file, row_words) if part)
        if field:
            place = f"{place}, field {field}" if place else f"field {field}"
        super().__init__(what, where=place, hint=hint)


class ConfigError(LobsimError):
    """A setting or an argument is missing, unknown or out of range."""


class OrderError(LobsimError):
    """An order cannot be expressed at all: a price that is no number, a side that does not exist."""


class CapacityError(LobsimError):
    """A pool, a ring or a log has reached a limit that the shell may not raise."""


class DataWarning(UserWarning):
    """A file was set aside, in one sentence why; what was read instead is right."""
