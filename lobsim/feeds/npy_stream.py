"""A numpy array in a file (npy) or in an archive (npz), read block by block and never unpickled."""

from __future__ import annotations

import ast
import zipfile
from collections.abc import Iterator

import numpy as np

from lobsim.errors import DataError
from lobsim.feeds.source import BLOCK_BYTES, Source

_MAGIC = b"\x93NUMPY"
_MAX_HEAD = 65_536


def array_source(source: Source) -> Source | None:
    """Where the array lies: the file itself, or the first npy member of an npz; None where there is neither."""
    if source.head.startswith(_MAGIC):
        return source
    if source.member is None and source.head.startswith(b"PK\x03\x04") and b".npy" in source.head[:256]:
        try:
            with zipfile.ZipFile(source.path) as archive:
                names = [name for name in archive.namelist() if name.endswith(".npy")]
        except (zipfile.BadZipFile, OSError):
            return None
        return Source(source.path, names[0]) if len(names) == 1 else None
    return None


def field_names(source: Source) -> tuple[str, ...]:
    """The fields of the records an array holds; none for other arrays, or a damaged head."""
    try:
        return _head(source.head, source.name)[0].names or ()
    except DataError:
        return ()


def record_blocks(source: Source) -> Iterator[np.ndarray]:
    """The records of a one-dimensional array; raises DataError where fewer are there than the head says."""
    dtype, count, start = _head(source.head, source.name)
    left, rest, skipped = count, b"", 0
    for block in source.blocks(BLOCK_BYTES):
        cut = min(start - skipped, len(block))
        skipped += cut
        whole = rest + block[cut:]
        number = min(len(whole) // dtype.itemsize, left)
        rest = whole[number * dtype.itemsize :]
        left -= number
        if number:
            yield np.frombuffer(whole, dtype=dtype, count=number)
    if left or rest:
        what = f"{left} of {count} records are missing" if left else "more follows its last record"
        raise DataError(what, file=source.name, hint="the file is cut or damaged: fetch it again")


def _head(data: bytes, file: str) -> tuple[np.dtype, int, int]:
    """Type, number of records, and where they begin.  Format: numpy.lib.format, versions 1 to 3."""
    wide = data[6:7] != b"\x01"
    start = 12 if wide else 10
    length = int.from_bytes(data[8:start], "little")
    try:
        if not data.startswith(_MAGIC) or length > _MAX_HEAD - 12:
            raise ValueError("not an array")
        head = ast.literal_eval(data[start : start + length].decode("latin-1"))
        dtype, shape = np.lib.format.descr_to_dtype(head["descr"]), head["shape"]
        if dtype.hasobject or len(shape) != 1 or dtype.itemsize == 0:
            raise ValueError("not a list of records")
        return dtype, int(shape[0]), start + length
    except (ValueError, SyntaxError, KeyError, TypeError) as error:
        raise DataError(f"its head cannot be read ({error})", file=file, hint="fetch it again") from error
