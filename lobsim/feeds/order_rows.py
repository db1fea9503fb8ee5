"""Canonical rows out of columns, and one stream of many symbols parted into pieces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from lobsim.feeds.rows import whole_table
from lobsim.types import NONE, Flag

_MADE = ("kind", "side", "price", "size", "order_id", "other_id", "match_id", "flags")
_DEFAULTS: dict[str, int] = {"side": NONE, "sequence": NONE}


def canonical(count: int, **columns: np.ndarray | int) -> pl.DataFrame:
    """A canonical table of ``count`` rows; a number fills its column, a column left out is 0 (side and sequence: -1).

    ts_local is ts_exchange where it is left out.
    """
    given = {name: value if isinstance(value, np.ndarray) else np.full(count, value) for name, value in columns.items()}
    return whole_table(pl.DataFrame(given))


def groups(codes: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Each code in rising order, with the indices of its rows in the order they come."""
    if len(codes) == 0:
        return
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    cuts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    for first, last in zip(cuts, [*cuts[1:], len(codes)], strict=True):
        yield int(ordered[first]), order[first:last]


def counted(**counts: Any) -> dict[str, int]:
    """Notes of a piece: what is not 0, as whole numbers; ``rows_in_gaps`` is noted as "rows in gaps"."""
    return {name.replace("_", " "): int(count) for name, count in counts.items() if count}


class RowParts:
    """Canonical rows in the making: groups of like rows, each row tied to the message of a block that it stands for."""

    def __init__(self) -> None:
        self._parts: list[dict[str, np.ndarray]] = []

    def add(self, at: np.ndarray, rank: np.ndarray | int, **columns: np.ndarray | int) -> None:
        """One row for each message of ``at`` (indices); ``rank``, 0 to 3, orders the rows of one message."""
        if len(at):
            part = {
                name: np.broadcast_to(np.asarray(value, dtype=np.int64), at.shape) for name, value in columns.items()
            }
            self._parts.append(part | {"at": at, "rank": np.broadcast_to(np.asarray(rank), at.shape)})

    def table(
        self, time: np.ndarray, received: np.ndarray, sequence: np.ndarray, ends: np.ndarray
    ) -> tuple[pl.DataFrame, np.ndarray]:
        """All rows in the order of their messages, the last row of each event flagged LAST_IN_PACKET; and each row's message.

        time, received, sequence  of the messages;  ends  which messages end an event
        """
        at, rank, *columns = (self._column(name) for name in ("at", "rank", *_MADE))
        order = np.argsort(at * 4 + rank, kind="stable")
        at = at[order]
        values = {name: column[order] for name, column in zip(_MADE, columns, strict=True)}
        event = (np.cumsum(ends) - ends)[at]
        last = np.concatenate([event[1:] != event[:-1], [True]])[: len(event)]
        values["flags"] = values["flags"] | np.where(last, Flag.LAST_IN_PACKET, 0)
        table = canonical(len(at), ts_exchange=time[at], ts_local=received[at], sequence=sequence[at], **values)
        return table, at

    def _column(self, name: str) -> np.ndarray:
        """One column of all parts."""
        default = _DEFAULTS.get(name, 0)
        columns = [part[name] if name in part else np.full(len(part["at"]), default) for part in self._parts]
        return np.concatenate([np.zeros(0, dtype=np.int64), *columns])
