"""Made-up days in memory, for what looks at a data set or changes it: rows of ``tests.support.pieces`` and a description."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lobsim.feeds.schema import Dataset, DatasetInfo
from lobsim.types import Fidelity, Flag, Kind, Phase
from tests.support.pieces import MONDAY_NS, level, table

SECOND = 10**9
LAST = int(Flag.LAST_IN_PACKET)


def day(rows: Sequence[dict[str, Any]], fidelity: Fidelity = Fidelity.L2_TRADES, **info: Any) -> Dataset:
    """A data set of some rows, each a packet of its own unless it gives flags; numbered from 0 unless they give numbers."""
    whole = [{"flags": LAST, "sequence": number} | row for number, row in enumerate(rows)]
    settings: dict[str, Any] = {
        "symbol": "XYZ",
        "venue": "MADE_UP",
        "date": "2026-01-05",
        "currency": "USD",
        "price_quantum": "0.01",
        "tick_quanta": 1,
        "lot": "1",
        "depth": 0,
        "session_start_ns": MONDAY_NS,
        "session_end_ns": MONDAY_NS + 3600 * SECOND,
        "source": "made_up.csv",
        "source_sha256": "0" * 64,
    }
    return Dataset(DatasetInfo(**settings | {"fidelity": fidelity} | info), table(whole))


def trade(at_ns: int, side: int, price: int, size: int, **more: int) -> dict[str, int]:
    """One PRINT row."""
    return level(at_ns, side, price, size, kind=Kind.PRINT, **more)


def phase(at_ns: int, to: Phase) -> dict[str, int]:
    """One PHASE row."""
    return level(at_ns, -1, 0, to, kind=Kind.PHASE)


def clear(at_ns: int, **more: int) -> dict[str, int]:
    """One CLEAR row."""
    return level(at_ns, -1, 0, 0, kind=Kind.CLEAR, **more)
