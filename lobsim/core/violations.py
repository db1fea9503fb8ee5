"""What the property checkers look for, and what they carry through a stream."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from lobsim.core.jit import kernel
from lobsim.core.shadow import Shadow
from lobsim.types import NONE


class Violation(IntEnum):
    """What a checker found wrong."""

    SPREAD = 0  # best bid at or above best ask after a message
    NOT_BEST_PRICE = 1  # a trade passed over a better price
    NOT_OLDEST = 2  # a trade passed over an older order at its price
    NOT_RESTING_PRICE = 3  # a trade at another price than the resting order's
    BEYOND_LIMIT = 4  # a trade worse than the taker's limit
    MISSED_TRADE = 5  # a trade was possible and did not happen
    SIZE = 6  # a size that does not follow from what the order had before
    NO_SUCH_ORDER = 7  # about an order that does not rest
    TIME_LIMIT = 8  # before its time limit an order expired, or after it one traded
    PHASE = 9  # a trade outside continuous trading
    ANSWER = 10  # no answer, or one that does not belong to the message
    TOTAL = 11  # entered is not traded + cancelled + expired + resting
    # of a replay only, see properties_replay.py:
    TOUCH = 12  # without own orders: best prices or sizes are not the recorded ones
    BUDGET = 13  # own orders got more than the recorded row brought, or a row that trades nothing filled one
    PASSED_OVER = 14  # an own order with priority was left out
    JUMPED = 15  # an own order was filled in front of somebody with priority
    # of a stream again:
    SELF_TRADE = 16  # two orders of one owner traded where the venue prevents it


STATE = np.dtype(
    [
        ("clock_ns", "i8"),
        ("phase", "i8"),
        ("entered", "i8"),
        ("traded", "i8"),  # both sides of each trade
        ("cancelled", "i8"),
        ("expired", "i8"),
        ("unknown", "i8"),  # first message that was accepted with terms nobody told the checker, -1
        ("trades", "i8"),
        ("allocation", "i8"),
        ("self_trade", "i8"),
        # the message at hand
        ("first", "i8"),  # index of the first message of the stretch
        ("sequence", "i8"),  # within the stretch
        ("taker_id", "i8"),
        ("taker_side", "i8"),
        ("taker_limit", "i8"),
        ("taker_left", "i8"),
        ("taker_traded", "i8"),
        ("taker_owner", "i8"),
        ("owing", "i8"),  # icebergs that have yet to show again
    ]
)


class Checker(NamedTuple):
    """Everything a checker carries through a stream.

    state   STATE [1]
    shadow  the plain book
    counts  int64 [Violation]
    firsts  int64 [Violation, 3]: message (or row), report (or event), order id of the first of a kind
    """

    state: np.ndarray
    shadow: Shadow
    counts: np.ndarray
    firsts: np.ndarray


def new_checker(shadow: Shadow, rules: np.ndarray | None = None) -> Checker:
    """A checker at the beginning of a stream, its shadow empty.

    rules  RULES [1], None for a venue without any
    """
    state = np.zeros(1, STATE)
    state[0]["clock_ns"] = -(2**63)
    state[0]["unknown"] = NONE
    if rules is not None:
        for name in ("phase", "allocation", "self_trade"):
            state[0][name] = rules[0][name]
    return Checker(state, shadow, np.zeros(len(Violation), np.int64), np.zeros((len(Violation), 3), np.int64))


@kernel
def note(checker, kind, where, report, order_id):
    """Count a violation, and remember the first of its kind."""
    if checker.counts[kind] == 0:
        checker.firsts[kind, 0] = where
        checker.firsts[kind, 1] = report
        checker.firsts[kind, 2] = order_id
    checker.counts[kind] += 1
