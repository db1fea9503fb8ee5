"""A vendor's file, unpacked as it is read: plain, gzip, bzip2, zstd, or a member of a zip, itself packed or not.

How a file is packed is told by its first bytes.  Nothing is ever unpacked to the disk, and never more than a block is held.

Invariants: what is cut or damaged raises DataError, at the latest at the end of the stream (a gzip or bzip2 of several members and a zstd of
several frames are read to the end of the last); more than ``limits`` allows is never given out; a member is read, never extracted.
Known limits: a zstd without checksum may hide a flipped bit; a file that was cut just between two gzip members looks whole;
a bzip2 with an empty member between others is refused.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from lobsim.errors import DataError
from lobsim.feeds.limits import CUT_HINT, TRUST_HINT, UNPACK_ERRORS, refuse_bombs, refuse_outside, unpacked_limit

HEAD_BYTES = 65_536
BLOCK_BYTES = 8 * 2**20
ZIP_START = b"PK\x03\x04"
_PACKINGS = ((b"\x1f\x8b", "gzip"), (b"BZh", "bz2"), (b"\x28\xb5\x2f\xfd", "zstd"))
_ERRORS = (*UNPACK_ERRORS, pa.ArrowException)


class Source:
    """One file or archive member.

    path    of the file
    member  name inside a zip, None for a file of its own
    name    what errors call it
    """

    def __init__(self, path: Path, member: str | None = None) -> None:
        self.path = path
        self.member = member
        self.name = f"{path} ({member})" if member else str(path)

    @property
    def base(self) -> str:
        """The bare file name, without folder."""
        return Path(self.member).name if self.member else self.path.name

    @cached_property
    def head(self) -> bytes:
        """The first bytes, unpacked."""
        with self.open() as stream:
            return stream.read(HEAD_BYTES)

    @cached_property
    def is_packed(self) -> bool:
        """Whether the packing tells that what is read is whole: a plain file may be cut without a trace."""
        if self.member is not None:
            return True
        with self.path.open("rb") as file:
            start = file.read(4)
        return any(start.startswith(magic) for magic, _ in _PACKINGS)

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """The unpacked bytes as a stream, reading which raises DataError for what is cut or damaged."""
        with ExitStack() as opened:
            try:
                checked = self._open(opened)
            except FileNotFoundError:
                raise DataError("there is no such file", file=self.path) from None
            except _ERRORS as error:
                raise self._damaged(error) from error
            yield opened.enter_context(io.BufferedReader(checked, HEAD_BYTES))

    def _open(self, opened: ExitStack) -> _Checked:
        """The stream below the buffer; everything it needs open is in ``opened``."""
        packed: Any
        if self.member is None:
            packed, size = opened.enter_context(self.path.open("rb")), self.path.stat().st_size
        else:
            archive = opened.enter_context(zipfile.ZipFile(self.path))
            info = archive.getinfo(self.member)
            refuse_outside(self.path, self.member)
            refuse_bombs(self.path, [info], unpacked_limit(info.compress_size))
            packed, size = opened.enter_context(archive.open(info)), info.file_size
        start = packed.peek(4)[:4]
        for magic, packing in _PACKINGS:
            if start.startswith(magic):
                stream = opened.enter_context(pa.CompressedInputStream(pa.PythonFile(packed, mode="r"), packing))
                return _Checked(self, stream, unpacked_limit(size))
            if start and len(start) < len(magic) and magic.startswith(start):
                raise EOFError(f"it ends inside the first bytes of a {packing} file")
        return _Checked(self, packed, None)

    def _damaged(self, error: BaseException) -> DataError:
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        return DataError(f"it cannot be unpacked ({reason})", file=self.name, hint=CUT_HINT)

    def blocks(self, nbytes: int = BLOCK_BYTES) -> Iterator[bytes]:
        """The unpacked bytes, block by block."""
        with self.open() as stream:
            while block := stream.read(nbytes):
                yield block

    def line_blocks(self, nbytes: int = BLOCK_BYTES) -> Iterator[bytes]:
        """Whole lines, block by block; the last block may lack its newline.

        A line longer than 16 blocks (and than any head) is refused: such a file is no text.
        """
        longest = max(16 * nbytes, HEAD_BYTES)
        rest = b""
        for block in self.blocks(nbytes):
            cut = block.rfind(b"\n") + 1
            if cut == 0:
                rest += block
                if len(rest) > longest:
                    raise DataError(f"a line is longer than {longest} bytes", file=self.name)
                continue
            yield rest + block[:cut]
            rest = block[cut:]
        if rest:
            yield rest


class _Checked(io.RawIOBase):
    """Gives out what a stream gives, at most ``limit`` bytes, and turns what it raises into one sentence."""

    def __init__(self, source: Source, stream: Any, limit: int | None) -> None:
        self._source, self._stream, self._limit, self._given = source, stream, limit, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; how many bytes, 0 at the end."""
        try:
            data = self._stream.read(len(buffer))
        except _ERRORS as error:
            raise self._source._damaged(error) from error
        self._given += len(data)
        if self._limit is not None and self._given > self._limit:
            raise DataError(f"it unpacks to more than {self._limit} bytes", file=self._source.name, hint=TRUST_HINT)
        buffer[: len(data)] = data
        return len(data)


def is_zip(path: Path) -> bool:
    """Whether a file begins as a zip archive does."""
    with path.open("rb") as file:
        return file.read(len(ZIP_START)) == ZIP_START


def sources_in(path: Path) -> list[Source]:
    """The file itself, or a source for each file in a zip, in the order of their names.

    Raises DataError for a zip that is cut, holds a name twice or one that leads out of it, or declares what only a bomb would.
    """
    if not is_zip(path):
        return [Source(path)]
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            for member in members:
                refuse_outside(path, member.orig_filename)
                archive.open(member).close()  # the name before the data must be the one in the directory
    except _ERRORS as error:
        raise DataError(f"not a whole zip archive ({error})", file=path, hint=CUT_HINT) from error
    refuse_bombs(path, members, unpacked_limit(path.stat().st_size))
    names = sorted(member.filename for member in members)
    twice = next((name for name, after in pairwise(names) if name == after), None)
    if twice is not None:
        raise DataError(f"it holds member {twice} twice", file=path, hint="repack it")
    if not names:
        raise DataError("the archive holds no file", file=path, hint=CUT_HINT)
    return [Source(path, name) for name in names]
