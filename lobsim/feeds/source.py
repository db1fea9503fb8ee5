"""A vendor's file, unpacked as it is read: plain, gzip, bzip2, zstd, or one member of a zip.

How a file is packed is told by its first bytes.  Nothing is ever unpacked to the disk, and never more than a block is held.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from lobsim.errors import DataError

HEAD_BYTES = 65_536
BLOCK_BYTES = 8 * 2**20
_PACKINGS = ((b"\x1f\x8b", "gzip"), (b"BZh", "bz2"), (b"\x28\xb5\x2f\xfd", "zstd"))


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

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """The unpacked bytes as a stream; raises DataError for what is cut or damaged."""
        try:
            with self._open() as stream:
                yield stream
        except (OSError, EOFError, zipfile.BadZipFile, pa.ArrowException) as error:
            raise DataError(f"it cannot be unpacked ({error})", file=self.name, hint="fetch it again") from error

    @contextmanager
    def _open(self) -> Iterator[Any]:
        if self.member is not None:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as stream:
                yield stream
            return
        with self.path.open("rb") as file:
            magic = file.read(4)
        packing = next((name for start, name in _PACKINGS if magic.startswith(start)), None)
        with pa.input_stream(str(self.path), compression=packing) as stream:
            yield stream

    def blocks(self, nbytes: int = BLOCK_BYTES) -> Iterator[bytes]:
        """The unpacked bytes, block by block."""
        with self.open() as stream:
            while block := stream.read(nbytes):
                yield bytes(block)

    def line_blocks(self, nbytes: int = BLOCK_BYTES) -> Iterator[bytes]:
        """Whole lines, block by block; the last block may lack its newline."""
        rest = b""
        for block in self.blocks(nbytes):
            cut = block.rfind(b"\n") + 1
            if cut == 0:
                rest += block
                continue
            yield rest + block[:cut]
            rest = block[cut:]
        if rest:
            yield rest
