"""Databento's records as numpy types, and what every record must satisfy whichever file it came in.

Prices are in 1e-9 of the currency, times in nanoseconds since 1970-01-01 UTC.  Versions 1 to 3 of DBN share these records.
"""

from __future__ import annotations

import numpy as np

from lobsim.errors import DataError
from lobsim.feeds.schema import Rule, refuse_first

UNDEFINED_PRICE = 2**63 - 1
LAST, SNAPSHOT, BAD_RECEIVE_TIME, MAYBE_BAD_BOOK = 128, 32, 8, 4
"""Bits of a record's ``flags``."""

_HEADER = [
    ("length", "u1"),
    ("rtype", "u1"),
    ("publisher_id", "<u2"),
    ("instrument_id", "<u4"),
    ("ts_event", "<u8"),
]
_RECEIVED = [("ts_recv", "<u8"), ("ts_in_delta", "<i4"), ("sequence", "<u4")]
_CHANGE = [("price", "<i8"), ("size", "<u4"), ("action", "u1"), ("side", "u1"), ("flags", "u1"), ("depth", "u1")]
LEVEL = np.dtype(
    [
        ("bid_px", "<i8"),
        ("ask_px", "<i8"),
        ("bid_sz", "<u4"),
        ("ask_sz", "<u4"),
        ("bid_ct", "<u4"),
        ("ask_ct", "<u4"),
    ]
)
MBO = np.dtype(
    [
        *_HEADER,
        ("order_id", "<u8"),
        ("price", "<i8"),
        ("size", "<u4"),
        ("flags", "u1"),
        ("channel_id", "u1"),
        ("action", "u1"),
        ("side", "u1"),
        *_RECEIVED,
    ]
)
TRADES = np.dtype([*_HEADER, *_CHANGE, *_RECEIVED])
RECORD_OF_SCHEMA = {
    "mbo": (MBO, 160),
    "mbp-1": (np.dtype([*TRADES.descr, ("levels", LEVEL, (1,))]), 1),
    "mbp-10": (np.dtype([*TRADES.descr, ("levels", LEVEL, (10,))]), 10),
    "trades": (TRADES, 0),
}
"""Schema -> the record, and its rtype."""


def check(records: np.ndarray, first_row: int, file: str, *, orders: bool) -> None:
    """Refuse records with codes, times or numbers that cannot be; ``first_row`` counts from 0.  Raises DataError."""
    action, side = records["action"], records["side"]
    known = np.isin(action, np.frombuffer(b"ACMRTFN", dtype=np.uint8))
    on_book = np.isin(action, np.frombuffer(b"ACM", dtype=np.uint8))
    priced = np.isin(action, np.frombuffer(b"AMTF", dtype=np.uint8))
    sided = (side == ord("B")) | (side == ord("A"))
    time, received = records["ts_event"].view("<i8"), records["ts_recv"].view("<i8")
    rules = [
        Rule(~known, "action", action, "the code of one of the letters A, C, M, R, T, F, N is needed"),
        Rule(~sided & (side != ord("N")), "side", side, "the code of one of the letters B, A, N is needed"),
        Rule(time < 0, "ts_event", time, "a time is needed"),
        Rule(received < 0, "ts_recv", received, "a time is needed"),
        Rule(priced & (records["size"] == 0), "size", records["size"], "1 or more is needed"),
        Rule(priced & (records["price"] == UNDEFINED_PRICE), "price", records["price"], "a price is needed"),
    ]
    if orders:
        ids = records["order_id"]
        rules += [
            Rule(on_book & ~sided, "side", side, "an order has side B or A"),
            Rule(ids > np.uint64(2**63 - 1), "order_id", ids, "at most 2^63 - 1 is possible here"),
        ]
    try:
        refuse_first(rules, file=file)
    except DataError as error:
        row = (error.row or 0) + first_row
        raise DataError(error.what, file=file, row=row, field=error.field, hint=error.hint) from None
