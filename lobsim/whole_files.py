"""Files that are there whole or not at all: written under another name in the same folder, then renamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def whole_file(path: Path, *, lasting: bool = False) -> Iterator[Path]:
    """A name to write to; when the block ends well the file gets its own, else nothing of it is left.

    lasting  push it down to the disk first, so that it also survives a power cut

    Raises OSError as the disk does.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        if lasting:
            with partial.open("rb") as file:
                os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    if lasting:
        flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Make new names last; some systems cannot open a folder, and need not."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
