"""Readers of what Binance publishes: raw websocket captures, T_DEPTH downloads, aggregate trades.

Files that belong together are read as one recording: captures of one market that a recorder has begun one after another, and the snapshot and update files of a
T_DEPTH download.  A file that begins more than a day after the day on which the one before it begins is a recording of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lobsim.feeds.binance import agg_archive, agg_trades, raw, t_depth
from lobsim.feeds.piece import Piece, ReadOptions
from lobsim.feeds.source import Source

FORMATS = (raw, t_depth, agg_trades, agg_archive)
"""Modules with NAME, recognise and read."""
_DAY_NS = 86_400 * 10**9
_TOGETHER = (raw, t_depth)
"""Those that also have ``order_of(source)``, what a file is of and where in time it begins (ns first), and ``read_all``."""


def streams(sources: Sequence[Source], options: ReadOptions) -> Iterator[tuple[list[Source], Iterator[Piece]]]:
    """Recordings with the files they come from, in the order in which the first file of each was given."""
    recordings: dict[tuple[str, object], list[tuple[tuple[int, ...], Source]]] = {}
    for number, source in enumerate(sources):
        reader = next(reader for reader in FORMATS if reader.recognise(source))
        key, place = reader.order_of(source) if reader in _TOGETHER else (number, (0,))
        recordings.setdefault((reader.NAME, key), []).append((place, source))
    readers = {reader.NAME: reader for reader in FORMATS}
    for (name, _), members in recordings.items():
        reader = readers[name]
        for files in _runs(sorted(members, key=lambda member: member[0])):
            yield files, reader.read_all(files, options) if reader in _TOGETHER else reader.read(files[0], options)


def _runs(members: list[tuple[tuple[int, ...], Source]]) -> Iterator[list[Source]]:
    """Files cut where days are left out between two of them."""
    run: list[Source] = []
    day = 0
    for place, source in members:
        if run and place[0] // _DAY_NS > day + 1:
            yield run
            run = []
        day = place[0] // _DAY_NS
        run.append(source)
    yield run
