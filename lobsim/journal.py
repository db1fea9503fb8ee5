"""A run, or a book by itself, saved to a file and gone on with in another process.

The file is one line that names the format and the SHA-256 of all that follows, one line of JSON, and the arrays of a snapshot one after the
other (little-endian, as they lie in memory).  It holds the whole world: book, own orders, fills, messages in flight, what the participant has seen, settings;
the tape is not in it, but the digest of the data set is, and the market it belongs to is handed in again.  A book's file holds all of it.

Invariants: a run that was loaded goes on to the same state hash as if it had never been saved; a file is there whole or not at all; a file that is
cut, altered, foreign, of another version or of another data set is refused in one sentence.
Known limit: the check sum guards against accident, not against somebody who means harm.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from lobsim import __version__
from lobsim.book_shell import Book
from lobsim.core.world_hash import whole_book_hash, world_hash
from lobsim.errors import ConfigError, DataError
from lobsim.latency import Latency
from lobsim.market import Market, MarketRun
from lobsim.snapshot import Part, Snapshot
from lobsim.whole_files import whole_file

_RUN = "run"
_BOOK = "book"
_FORMAT = 1
_AGAIN = "save it again"
_OTHER_HASH = "its content does not have the state hash it was written with"


def save_run(run: MarketRun, market: Market, path: str | os.PathLike[str]) -> None:
    """Write a run of a market to a file; an older one of that name is replaced.

    Raises DataError when the disk refuses; the older file then stands.
    """
    header = {
        "dataset": market.dataset.digest,
        "chosen": sorted(run.chosen),
        "state_hash": world_hash(run.world),
        "latency": (run.latency or market.config.latency).as_dict(),
    }
    _save(_RUN, header, Snapshot(run.world), Path(path))


def load_run(path: str | os.PathLike[str], market: Market) -> MarketRun:
    """A run as it was when it was saved.

    market  of the same data set and the same settings

    Raises DataError for a file that is not, or no longer, what was written, or of another data set or version; ConfigError for other settings.
    """
    file = Path(path)
    header, memory = _read(file, _RUN)
    if header["dataset"] != market.dataset.digest:
        raise DataError("the run was saved of another data set", file=file, hint="load the data set it was saved of")
    latency = Latency.from_dict(header.get("latency", {}))
    fresh = market.start(participant=True, latency=latency)
    world = _restored(header, memory, fresh.world, file)
    if world_hash(world) != header["state_hash"]:
        raise DataError(_OTHER_HASH, file=file, hint=_AGAIN)
    settings = market.start(participant=bool(world.head[0]["publish"]), latency=latency).world.head[0]
    for name in sorted(set(header["chosen"]) - {"publish"}):
        if world.head[0][name] != settings[name]:
            raise ConfigError(
                f"the run was saved with {name} {world.head[0][name]}, the market has {settings[name]}",
                where=str(file),
                hint="make the market with the settings of then",
            )
    return MarketRun(world, frozenset(header["chosen"]), latency)


def save_book(book: Book, path: str | os.PathLike[str]) -> None:
    """Write a book to a file; an older one of that name is replaced.

    Raises DataError when the disk refuses; the older file then stands.
    """
    header = {
        "tick_size": str(book.tick_size),
        "lot_size": str(book.lot_size),
        "state_hash": whole_book_hash(book.arrays),
    }
    _save(_BOOK, header, book.snapshot(), Path(path))


def load_book(path: str | os.PathLike[str]) -> Book:
    """A book as it was when it was saved.

    Raises DataError for a file that is not, or no longer, what was written, or of another version.
    """
    file = Path(path)
    header, memory = _read(file, _BOOK)
    book = Book(header["tick_size"], header["lot_size"])
    book.arrays = _restored(header, memory, book.arrays, file)
    if whole_book_hash(book.arrays) != header["state_hash"]:
        raise DataError(_OTHER_HASH, file=file, hint=_AGAIN)
    return book


def _save(what: str, header: dict[str, Any], snapshot: Snapshot[Any], path: Path) -> None:
    """Write a snapshot, and what is to be known besides."""
    header |= {
        "lobsim": __version__,
        "parts": [[part.name, _dtype_text(part.dtype), list(part.shape), part.count] for part in snapshot.parts],
        "nbytes": snapshot.nbytes,
    }
    text = json.dumps(header, sort_keys=True).encode() + b"\n"
    content = text + snapshot.memory.tobytes()
    first = f"lobsim {what} {_FORMAT} {hashlib.sha256(content).hexdigest()}\n"
    _write_whole(Path(path), first.encode() + content)


def _restored(header: dict[str, Any], memory: np.ndarray, state: Any, file: Path) -> Any:
    """A state with the content of a file."""
    expected = Snapshot(state).parts
    parts = tuple(Part(name, _dtype_of(text), tuple(shape), count) for name, text, shape, count in header["parts"])
    if [(part.name, part.dtype) for part in parts] != [(part.name, part.dtype) for part in expected]:
        raise DataError("it was saved with other record layouts", file=file, hint=_AGAIN)
    return Snapshot.from_parts(parts, memory, state).restore(state)


def _read(file: Path, what: str) -> tuple[dict[str, Any], np.ndarray]:
    """Header and content of a file that is what was written."""
    name = f"lobsim {what} ".encode()
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise DataError("there is no such file", file=file) from None
    except OSError as error:
        raise DataError(f"the {what} cannot be read ({error.strerror or error})", file=file) from error
    first, _, rest = data.partition(b"\n")
    words = first[len(name) :].split()
    if not first.startswith(name) or len(words) != 2 or not words[0].isdigit():
        raise DataError(f"this is no {what} that lobsim saved", file=file)
    if int(words[0]) != _FORMAT:
        raise DataError(f"the {what} was saved in format {int(words[0])}, this version reads {_FORMAT}", file=file)
    text, _, content = rest.partition(b"\n")
    header = None
    with suppress(ValueError):
        header = json.loads(text)
    if isinstance(header, dict) and isinstance(header.get("nbytes"), int) and len(content) < header["nbytes"]:
        raise DataError(
            f"the file is cut: {len(content)} of {header['nbytes']} bytes are there", file=file, hint=_AGAIN
        )
    if hashlib.sha256(rest).hexdigest().encode() != words[1] or not isinstance(header, dict):
        raise DataError("the file is cut or altered: its check sum is another", file=file, hint=_AGAIN)
    if header["lobsim"] != __version__:
        raise DataError(
            f"the {what} was saved by lobsim {header['lobsim']}, this is {__version__}", file=file, hint=_AGAIN
        )
    return header, np.frombuffer(content, np.uint8)


def _dtype_text(dtype: np.dtype) -> Any:
    """A data type as JSON: a name, or a list of [name, type]."""
    return dtype.str if dtype.names is None else [list(field) for field in dtype.descr]


def _dtype_of(text: Any) -> np.dtype:
    return np.dtype(text) if isinstance(text, str) else np.dtype([tuple(field) for field in text])


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all, and lasts."""
    try:
        with whole_file(path, lasting=True) as partial:
            partial.write_bytes(content)
    except OSError as error:
        reason = error.strerror or error
        raise DataError(
            f"it cannot be saved ({reason})", file=path, hint="free some space or choose another folder"
        ) from error
