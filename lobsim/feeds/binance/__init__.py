"""Readers of what Binance publishes: raw websocket captures, T_DEPTH downloads, aggregate trades.

Files that belong together are read as one recording: captures of one market that a recorder has begun one after another, and the snapshot and update files of a
T_DEPTH download.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lobsim.feeds.binance import agg_archive, agg_trades, raw, t_depth
from lobsim.feeds.piece import Piece, ReadOptions
from lobsim.feeds.source import Source

FORMATS = (raw, t_depth, agg_trades, agg_archive)
"""Modules with NAME, recognise and read."""
_TOGETHER = (raw, t_depth)
"""Those that also have ``order_of(source)``, what a file is of and its place among the files of the same, and ``read_all``."""


def streams(sources: Sequence[Source], options: ReadOptions) -> Iterator[tuple[list[Source], Iterator[Piece]]]:
    """Recordings with the files they come from, in the order in which the first file of each was given."""
    recordings: dict[tuple[str, object], list[tuple[tuple[int, ...], Source]]] = {}
    for number, source in enumerate(sources):
        reader = next(reader for reader in FORMATS if reader.recognise(source))
        key, place = reader.order_of(source) if reader in _TOGETHER else (number, (0,))
        recordings.setdefault((reader.NAME, key), []).append((place, source))
    readers = {reader.NAME: reader for reader in FORMATS}
    for (name, _), members in recordings.items():
        files = [source for _, source in sorted(members, key=lambda member: member[0])]
        reader = readers[name]
        pieces = reader.read_all(files, options) if reader in _TOGETHER else reader.read(files[0], options)
        yield files, pieces
