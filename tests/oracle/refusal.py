"""What a venue refuses, and why: the checks of docs/rules.md, sections 1 and 1b, in their order.

Each check answers the reason to refuse, or NONE.  ``asked`` is a message with the fields of its terms, as the venue reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lobsim.types import (
    MAX_OWNER,
    MAX_PRICE_TICKS,
    MAX_SIZE_LOTS,
    Allocation,
    MessageFlag,
    OrderType,
    Peg,
    Phase,
    Reason,
    TimeInForce,
    Verb,
)
from tests.oracle.book import Order, reaches

if TYPE_CHECKING:
    from tests.oracle.venue import OracleVenue

Asked = Mapping[str, int]
Check = Callable[["OracleVenue", Asked], Reason]

MAX_SHARED_SIZE_LOTS = 2**31 - 1
ALL_FLAGS = sum(MessageFlag)
NEVER_ALLOWED: frozenset[int] = frozenset()
EVER = frozenset(int(tif) for tif in TimeInForce)
RESTS = frozenset({int(TimeInForce.GTC), int(TimeInForce.GTD)})
NOT_FOK = EVER - {int(TimeInForce.FOK)}


@dataclass(frozen=True)
class Allowed:
    """One row of the table of check 1: with which times in force a type may have each thing."""

    tif: frozenset[int]
    post_only: frozenset[int] = NEVER_ALLOWED
    hidden: frozenset[int] = NEVER_ALLOWED
    reduce_only: frozenset[int] = NEVER_ALLOWED
    display: frozenset[int] = NEVER_ALLOWED
    minimum: frozenset[int] = NEVER_ALLOWED
    needs_stop: bool = False
    needs_peg: bool = False


TABLE: dict[int, Allowed] = {
    OrderType.LIMIT: Allowed(EVER, post_only=RESTS, hidden=RESTS, reduce_only=EVER, display=RESTS, minimum=NOT_FOK),
    OrderType.MARKET: Allowed(EVER - {int(TimeInForce.GTD)}, reduce_only=EVER, minimum=NOT_FOK),
    OrderType.MARKET_TO_LIMIT: Allowed(RESTS, reduce_only=EVER),
    OrderType.STOP: Allowed(RESTS, reduce_only=EVER, needs_stop=True),
    OrderType.STOP_LIMIT: Allowed(RESTS, reduce_only=EVER, needs_stop=True),
    OrderType.PEGGED: Allowed(RESTS, hidden=EVER, needs_peg=True),
}
HAS_LIMIT_PRICE = (OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.PEGGED)
MAY_REST = (OrderType.LIMIT, OrderType.MARKET_TO_LIMIT, OrderType.STOP_LIMIT)


def first_refusal(checks: tuple[Check, ...], venue: OracleVenue, asked: Asked) -> Reason:
    """The reason of the first check that fails."""
    reasons = (check(venue, asked) for check in checks)
    return next((reason for reason in reasons if reason != Reason.NONE), Reason.NONE)


def refusal_of_new(venue: OracleVenue, asked: Asked) -> Reason:
    """Why a NEW is refused."""
    return first_refusal(CHECKS_OF_NEW, venue, asked)


# --- NEW, one function for each numbered check


def _fields(venue: OracleVenue, asked: Asked) -> Reason:
    """1: everything named exists, in a combination of the table."""
    return Reason.NONE if _fields_are_right(venue, asked) else Reason.BAD_FIELD


def _fields_are_right(venue: OracleVenue, asked: Asked) -> bool:
    tif, flags = asked["tif"], asked["flags"]
    if asked["side"] not in (0, 1) or asked["type"] not in TABLE or tif not in EVER:
        return False
    if flags & ~ALL_FLAGS or not 0 <= asked["owner"] <= MAX_OWNER or not 0 <= asked["terms"] < len(venue.terms):
        return False
    allowed = TABLE[asked["type"]]
    wishes = (
        (flags & MessageFlag.POST_ONLY, allowed.post_only),
        (flags & MessageFlag.HIDDEN, allowed.hidden),
        (flags & MessageFlag.REDUCE_ONLY, allowed.reduce_only),
        (asked["display_lots"], allowed.display),
        (asked["min_lots"], allowed.minimum),
    )
    if tif not in allowed.tif or any(wished and tif not in allowed_with for wished, allowed_with in wishes):
        return False
    if asked["has_stop"] != int(allowed.needs_stop):
        return False
    if allowed.needs_peg:
        if asked["peg"] not in (Peg.PRIMARY, Peg.MID, Peg.MARKET) or not 0 <= asked["peg_ticks"] <= MAX_PRICE_TICKS:
            return False
    elif asked["peg"] != Peg.NONE:
        return False
    return _goes_together(venue, asked)


def _goes_together(venue: OracleVenue, asked: Asked) -> bool:
    """What stands below the table, and what an allocation that is not FIFO cannot have."""
    flags = asked["flags"]
    if asked["display_lots"] and flags & MessageFlag.HIDDEN:
        return False
    if asked["min_lots"] and flags & MessageFlag.POST_ONLY:
        return False
    if flags & MessageFlag.REDUCE_ONLY:
        rests = asked["type"] in MAY_REST and asked["tif"] in RESTS
        return asked["owner"] != 0 and not (rests and venue.rules["allocation"] != Allocation.FIFO)
    return True


def _phase(venue: OracleVenue, asked: Asked) -> Reason:
    """2: what a phase does not take."""
    if venue.phase in (Phase.HALT, Phase.CLOSED):
        return Reason.HALTED
    if venue.phase == Phase.CONTINUOUS:
        return Reason.NONE
    plain_limit = asked["type"] == OrderType.LIMIT and asked["tif"] in RESTS
    refused_flags = asked["flags"] & (MessageFlag.POST_ONLY | MessageFlag.REDUCE_ONLY)
    return Reason.NONE if plain_limit and not refused_flags and not asked["min_lots"] else Reason.NOT_IN_PHASE


def _sizes(venue: OracleVenue, asked: Asked) -> Reason:
    """3: size, display and minimum."""
    size = asked["size_lots"]
    if size_is_wrong(venue, size):
        return Reason.BAD_SIZE
    if not 0 <= asked["display_lots"] <= size or not 0 <= asked["min_lots"] <= size:
        return Reason.BAD_SIZE
    off_lot = any(asked[name] % venue.lot_step for name in ("size_lots", "display_lots", "min_lots"))
    return Reason.OFF_LOT if off_lot else Reason.NONE


def size_is_wrong(venue: OracleVenue, size: int) -> bool:
    """Whether no order may have this size."""
    shared = venue.rules["allocation"] != Allocation.FIFO
    return not 1 <= size <= (MAX_SHARED_SIZE_LOTS if shared else MAX_SIZE_LOTS)


def _prices(venue: OracleVenue, asked: Asked) -> Reason:
    """4: the limit price, then the stop price."""
    reason = Reason.NONE
    if asked["type"] in HAS_LIMIT_PRICE:
        reason = refusal_of_limit_price(venue, asked["price_ticks"])
    if reason == Reason.NONE and asked["has_stop"]:
        reason = refusal_of_price(venue, asked["stop_ticks"])
    return reason


def refusal_of_price(venue: OracleVenue, price: int) -> Reason:
    """Any price: in range, on tick."""
    if abs(price) > MAX_PRICE_TICKS:
        return Reason.BAD_PRICE
    return Reason.OFF_TICK if price % venue.tick_step else Reason.NONE


def refusal_of_limit_price(venue: OracleVenue, price: int) -> Reason:
    """A limit price: also inside the band, whose edges are legal."""
    reason = refusal_of_price(venue, price)
    if reason == Reason.NONE and not venue.in_band(price):
        return Reason.OUTSIDE_BAND
    return reason


def _time_limit(venue: OracleVenue, asked: Asked) -> Reason:
    """5: a time limit that has passed."""
    assert venue.clock is not None
    passed = asked["tif"] == TimeInForce.GTD and asked["expire_ns"] <= venue.clock
    return Reason.ALREADY_EXPIRED if passed else Reason.NONE


def _id(venue: OracleVenue, asked: Asked) -> Reason:
    """6: the id is taken."""
    return Reason.DUPLICATE_ID if venue.live(asked["order_id"]) else Reason.NONE


def _reduces(venue: OracleVenue, asked: Asked) -> Reason:
    """7: a position that this side brings nearer to 0."""
    if asked["flags"] & MessageFlag.REDUCE_ONLY and not venue.reducible(asked["owner"], asked["side"]):
        return Reason.REDUCE_ONLY
    return Reason.NONE


def _post_only(venue: OracleVenue, asked: Asked) -> Reason:
    """8: it would trade at once."""
    would_trade = asked["flags"] & MessageFlag.POST_ONLY and meets_someone(venue, asked["side"], asked["price_ticks"])
    return Reason.POST_ONLY_WOULD_TRADE if would_trade else Reason.NONE


def meets_someone(venue: OracleVenue, side: int, limit: int | None) -> bool:
    """Whether the opposite best price, hidden orders too, is at the limit or better."""
    best = venue.best_of_any_kind(1 - side)
    return best is not None and reaches(side, limit, best)


def _fok(venue: OracleVenue, asked: Asked) -> Reason:
    """9: not all of it can trade at once."""
    if asked["tif"] != TimeInForce.FOK:
        return Reason.NONE
    fillable = venue.fillable(asked["side"], limit_of(asked), asked["owner"])
    return Reason.FOK_NOT_FILLABLE if fillable < venue.size_that_enters(asked) else Reason.NONE


def _minimum(venue: OracleVenue, asked: Asked) -> Reason:
    """10: a resting order would trade less than its minimum."""
    if asked["tif"] not in RESTS or not asked["min_lots"]:
        return Reason.NONE
    limit = limit_of(asked)
    too_little = venue.fillable(asked["side"], limit, asked["owner"]) < venue.minimum_that_counts(asked)
    return Reason.MIN_NOT_FILLABLE if too_little and meets_someone(venue, asked["side"], limit) else Reason.NONE


def _overflow(venue: OracleVenue, asked: Asked) -> Reason:
    """11: the level it may rest at would be too large."""
    rests = asked["type"] == OrderType.LIMIT and asked["tif"] in RESTS
    size = venue.size_that_enters(asked)
    too_large = rests and venue.overflows(asked["side"], asked["price_ticks"], size)
    return Reason.SIZE_OVERFLOW if too_large else Reason.NONE


def limit_of(asked: Asked) -> int | None:
    """The worst price a NEW accepts, None: any."""
    return asked["price_ticks"] if asked["type"] in HAS_LIMIT_PRICE else None


CHECKS_OF_NEW: tuple[Check, ...] = (
    _fields,
    _phase,
    _sizes,
    _prices,
    _time_limit,
    _id,
    _reduces,
    _post_only,
    _fok,
    _minimum,
    _overflow,
)


# --- the other verbs; the order is live


def refusal_of_reduce(venue: OracleVenue, asked: Asked) -> Reason:
    """Why a REDUCE is refused."""
    if asked["size_lots"] < 1:
        return Reason.BAD_SIZE
    return Reason.OFF_LOT if asked["size_lots"] % venue.lot_step else Reason.NONE


def refusal_of_replace(venue: OracleVenue, order: Order, asked: Asked, *, keeps: bool) -> Reason:
    """Why a REPLACE is refused."""
    reason = _refusal_of_change(venue, order, asked)
    if reason != Reason.NONE or keeps or order.waiting:
        return reason
    price, size = asked["price_ticks"], asked["size_lots"]
    if order.reduce_only:
        size = min(size, venue.reducible(order.owner, order.side))
        if not size:
            return Reason.REDUCE_ONLY
    if asked["flags"] & MessageFlag.POST_ONLY and meets_someone(venue, order.side, price):
        return Reason.POST_ONLY_WOULD_TRADE
    return Reason.SIZE_OVERFLOW if venue.overflows(order.side, price, size) else Reason.NONE


def _refusal_of_change(venue: OracleVenue, order: Order, asked: Asked) -> Reason:
    """The checks that a REPLACE of any order meets."""
    if order.peg != Peg.NONE:
        return Reason.BAD_FIELD
    if venue.phase in (Phase.HALT, Phase.CLOSED):
        return Reason.HALTED
    if venue.phase != Phase.CONTINUOUS and asked["flags"] & MessageFlag.POST_ONLY:
        return Reason.NOT_IN_PHASE
    if size_is_wrong(venue, asked["size_lots"]):
        return Reason.BAD_SIZE
    if asked["size_lots"] % venue.lot_step:
        return Reason.OFF_LOT
    has_price = order.limit is not None
    reason = refusal_of_limit_price(venue, asked["price_ticks"]) if has_price else Reason.NONE
    if reason != Reason.NONE:
        return reason
    taken = asked["new_id"] != order.id and venue.live(asked["new_id"])
    return Reason.DUPLICATE_ID if taken else Reason.NONE


def refusal_of_phase(asked: Asked) -> Reason:
    """Why a PHASE is refused."""
    assert asked["verb"] == Verb.PHASE
    if asked["size_lots"] not in tuple(Phase):
        return Reason.BAD_FIELD
    return Reason.BAD_PRICE if abs(asked["price_ticks"]) > MAX_PRICE_TICKS else Reason.NONE
