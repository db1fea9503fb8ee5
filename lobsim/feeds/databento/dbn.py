"""Databento Binary Encoding (DBN), versions 1 to 3, plain or zstd.

The head of a file is read by the package databento-dbn; the records, which have one fixed size in a file, by numpy, a block at a time (the package hands
out one Python object for each record).  A test compares the two record by record.

Refused: an unknown version, the older encoding DBZ, schemas other than mbo, mbp-1, mbp-10 and trades, live recordings that mix schemas, a file cut inside a
record.  Known limit: the package is needed (``lobsim[databento]``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from lobsim.errors import DataError
from lobsim.feeds.databento.records import RECORD_OF_SCHEMA
from lobsim.feeds.databento.stream import Feed, pieces
from lobsim.feeds.piece import Piece, ReadOptions
from lobsim.feeds.source import BLOCK_BYTES, Source

NAME = "Databento DBN"

KNOWN_VERSIONS = (1, 2, 3)
_MAX_METADATA_BYTES = 256 * 2**20
_DAY_NS = 86_400 * 10**9
_CUT_HINT = "the file seems to be cut: fetch it again"


def recognise(source: Source) -> bool:
    """Whether it begins as DBN, or as the DBZ that came before it (which ``read`` refuses)."""
    return source.head[:3] == b"DBN" or _is_dbz(source)


def _is_dbz(source: Source) -> bool:
    """Whether it begins with the skippable zstd frame of a DBZ file; Source unpacks nothing that begins so."""
    head = source.head[:12]
    return len(head) == 12 and head[0] >> 4 == 5 and head[1:4] == b"\x2a\x4d\x18" and head[8:11] == b"DBZ"


def read(source: Source, options: ReadOptions) -> Iterator[Piece]:
    """The rows of every instrument of a file, or of ``options.symbol`` alone."""
    if _is_dbz(source):
        raise DataError(
            "it is DBZ, the encoding that Databento gave up for DBN, and no current reader knows it",
            file=source.name,
            hint="order the file again as DBN",
        )
    with source.open() as stream:
        metadata, schema = _read_head(stream, source.name)
        feed = Feed(
            schema=schema,
            dataset=metadata.dataset,
            symbols=_symbols(metadata),
            file=source.name,
            options=options,
        )
        yield from pieces(feed, _record_blocks(stream, schema, ts_out=metadata.ts_out, file=source.name))


def _read_head(stream: IO[bytes], file: str) -> tuple[Any, str]:
    """The metadata as the package gives them, and the schema; the stream then stands at the first record."""
    start = stream.read(8)
    if len(start) < 8:
        raise DataError("it ends inside its head", file=file, hint=_CUT_HINT)
    version, length = start[3], int.from_bytes(start[4:], "little")
    if version not in KNOWN_VERSIONS:
        raise DataError(
            f"it is DBN version {version}, known are 1, 2 and 3",
            file=file,
            hint="install a newer lobsim, or order it as DBN 3",
        )
    if length > _MAX_METADATA_BYTES:
        raise DataError(f"its head claims {length} bytes", file=file, hint="the file is damaged: fetch it again")
    body = stream.read(length)
    if len(body) < length:
        raise DataError("it ends inside its head", file=file, hint=_CUT_HINT)
    library = _library(file)
    try:
        metadata = library.Metadata.decode(bytes(start) + bytes(body))
    except (library.DBNError, ValueError) as error:
        raise DataError(f"its head cannot be read ({error})", file=file, hint="fetch it again") from error
    if metadata.schema is None:
        raise DataError(
            "it is a live recording that mixes schemas", file=file, hint=f"give one of {', '.join(RECORD_OF_SCHEMA)}"
        )
    schema = str(metadata.schema)
    if schema not in RECORD_OF_SCHEMA:
        raise DataError(
            f"its schema {schema} is not one that can be replayed",
            file=file,
            hint=f"give one of {', '.join(RECORD_OF_SCHEMA)}",
        )
    return metadata, schema


def _library(file: str) -> Any:
    """The package databento-dbn, loaded when the first file needs it."""
    try:
        import databento_dbn
    except ImportError:
        raise DataError(
            "the package databento-dbn is not installed", file=file, hint="pip install 'lobsim[databento]'"
        ) from None
    return databento_dbn


def _symbols(metadata: Any) -> dict[int, list[tuple[int, int, str]]]:
    """Instrument -> the stretches of time (nanoseconds, the end outside) in which it had a symbol."""
    found: dict[int, list[tuple[int, int, str]]] = {}
    for name, intervals in metadata.mappings.items():
        for interval in intervals:
            number, symbol = interval["symbol"], name
            if not number.isdigit():
                number, symbol = name, interval["symbol"]
            if number.isdigit():
                stretch = (_midnight_ns(interval["start_date"]), _midnight_ns(interval["end_date"]), symbol)
                found.setdefault(int(number), []).append(stretch)
    return found


def _midnight_ns(day: Any) -> int:
    """Nanoseconds since 1970-01-01 at the start of a UTC day."""
    return (day.toordinal() - 719_163) * _DAY_NS


def _record_blocks(stream: IO[bytes], schema: str, *, ts_out: bool, file: str) -> Iterator[np.ndarray]:
    """The records, some MiB at a time."""
    dtype, rtype = RECORD_OF_SCHEMA[schema]
    if ts_out:
        dtype = np.dtype([*dtype.descr, ("ts_out", "<u8")])
    size, row, rest = dtype.itemsize, 0, b""
    while block := stream.read(BLOCK_BYTES):
        whole = rest + bytes(block)
        count = len(whole) // size
        rest = whole[count * size :]
        records = np.frombuffer(whole, dtype=dtype, count=count)
        foreign = (records["length"] != size // 4) | (records["rtype"] != rtype)
        if foreign.any():
            at = int(np.argmax(foreign))
            raise DataError(
                f"a record of type {records['rtype'][at]} and {records['length'][at] * 4} bytes stands among those of {schema}",
                file=file,
                row=row + at + 1,
                hint="the file is damaged or mixes schemas: fetch it again",
            )
        row += count
        yield records
    if rest:
        raise DataError("it ends inside a record", file=file, row=row + 1, hint=_CUT_HINT)
