"""How much a packed file may unpack to, and what a member of an archive may be called: one rule for every importer.

A file that is held in memory as a whole (``text``) may unpack to MAX_BYTES.  A file that is read in blocks (``source``) is never held,
so only the ratio speaks: what market data cannot reach, a bomb needs.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from lobsim.errors import DataError

MAX_BYTES = 8 * 2**30
"""No file that is held in memory, and no archive of such files taken together, may unpack to more."""
MAX_RATIO = 200
"""Nor to more than this many times its packed size; delimited market data packs 10 to 40 fold."""
RATIO_FREE_BYTES = 16 * 2**20
"""Below this size a ratio says nothing and harms nobody."""
CUT_HINT = "the file seems to be cut or damaged: fetch it again"
TRUST_HINT = "unpack it yourself if you trust it"

UNPACK_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    OverflowError,
    RuntimeError,  # an encrypted member; NotImplementedError: an unknown compression
)
"""What the standard library raises for an archive or a stream that is cut, damaged or of an unknown kind."""


def unpacked_limit(packed_bytes: int) -> int:
    """How many bytes so many packed ones may become."""
    return max(RATIO_FREE_BYTES, MAX_RATIO * packed_bytes)


def refuse_bombs(path: Path, members: Iterable[zipfile.ZipInfo], most: int) -> None:
    """Refuse sizes that only a hostile archive declares; raises DataError.

    most  bytes that all members together may declare
    """
    total = 0
    for member in members:
        total += member.file_size
        if member.file_size > unpacked_limit(member.compress_size) or total > most:
            raise DataError(
                f"member {member.orig_filename} declares {member.file_size} bytes out of {member.compress_size}",
                file=path,
                hint=f"{TRUST_HINT}; the limits are {MAX_RATIO} times and {most} bytes",
            )


def refuse_outside(path: Path, member: str) -> None:
    """Refuse a member whose name is absolute or climbs out of the archive; raises DataError."""
    parts = PurePosixPath(member.replace("\\", "/")).parts
    drive = bool(parts) and parts[0].endswith(":")
    if not parts or drive or parts[0] == "/" or ".." in parts or not member.isprintable():
        raise DataError(f"member {member!r} climbs out of the archive", file=path, hint="repack it with plain names")
