"""Every check of a command, and that the first which fails names the reason (docs/rules.md, section 1b)."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from lobsim.types import (
    MAX_OWNER,
    MAX_PRICE_TICKS,
    MessageFlag,
    OrderType,
    Peg,
    Phase,
    Reason,
    ReportKind,
    TimeInForce,
    Verb,
)
from tests.lobsim.core.types.conftest import PlayExample
from tests.support.engines import EngineMaker
from tests.support.scenarios import arrays

POST, HIDDEN, REDUCE = (int(flag) for flag in (MessageFlag.POST_ONLY, MessageFlag.HIDDEN, MessageFlag.REDUCE_ONLY))
PLAIN = {"verb": Verb.NEW, "side": 0, "order_id": 7, "price_ticks": 90, "size_lots": 6}
STOP = {"has_stop": 1, "stop_ticks": 95}
OWN = {"owner": 1}

FIELDS: dict[str, dict[str, int]] = {
    "a side": {"side": 2},
    "a type": {"type": 6},
    "a time in force": {"tif": 4},
    "a flag": {"flags": 16},
    "an owner below 0": {"owner": -1},
    "an owner above the largest": {"owner": MAX_OWNER + 1},
    "terms outside the table": {"terms": 99},
    "terms below 0": {"terms": -1},
    "a display that is immediate": {"display_lots": 2, "tif": TimeInForce.IOC},
    "a hidden order that is immediate": {"flags": HIDDEN, "tif": TimeInForce.FOK},
    "a display that is hidden": {"display_lots": 2, "flags": HIDDEN},
    "a limit order with a stop price": STOP,
    "a limit order with a peg": {"peg": Peg.MID},
    "a market order with a time limit": {"type": OrderType.MARKET, "tif": TimeInForce.GTD, "expire_ns": 99},
    "a market order that is hidden": {"type": OrderType.MARKET, "flags": HIDDEN},
    "a market order with a display": {"type": OrderType.MARKET, "display_lots": 2},
    "a market order, fill or kill, with a minimum": {"type": OrderType.MARKET, "tif": TimeInForce.FOK, "min_lots": 2},
    "a stop without its price": {"type": OrderType.STOP},
    "a stop that is immediate": {"type": OrderType.STOP, "tif": TimeInForce.IOC} | STOP,
    "a stop that is post only": {"type": OrderType.STOP_LIMIT, "flags": POST} | STOP,
    "a stop with a display": {"type": OrderType.STOP_LIMIT, "display_lots": 2} | STOP,
    "a stop with a minimum": {"type": OrderType.STOP, "min_lots": 2} | STOP,
    "has_stop of 2": {"type": OrderType.STOP, "has_stop": 2, "stop_ticks": 95},
    "a pegged order without a peg": {"type": OrderType.PEGGED},
    "a peg that does not exist": {"type": OrderType.PEGGED, "peg": 4},
    "a peg towards the other side": {"type": OrderType.PEGGED, "peg": Peg.MID, "peg_ticks": -1},
    "a peg beyond all prices": {"type": OrderType.PEGGED, "peg": Peg.MID, "peg_ticks": MAX_PRICE_TICKS + 1},
    "a peg that is immediate": {"type": OrderType.PEGGED, "peg": Peg.MID, "tif": TimeInForce.IOC},
    "a peg that is post only": {"type": OrderType.PEGGED, "peg": Peg.MID, "flags": POST},
    "a peg with a display": {"type": OrderType.PEGGED, "peg": Peg.MID, "display_lots": 2},
    "a peg that is reduce-only": {"type": OrderType.PEGGED, "peg": Peg.MID, "flags": REDUCE} | OWN,
}

WELCOME: dict[str, dict[str, int]] = {
    "the largest owner": {"owner": MAX_OWNER},
    "lose place, which means nothing here": {"flags": MessageFlag.LOSE_PLACE},
    "a stop price and a distance that are not meant": {"stop_ticks": 5, "peg_ticks": 7},
    "post only and hidden": {"flags": POST | HIDDEN},
    "display and minimum": {"display_lots": 2, "min_lots": 3},
    "a display of all": {"display_lots": 6},
    "hidden with a minimum": {"flags": HIDDEN, "min_lots": 3},
    "a peg at the largest distance": {"type": OrderType.PEGGED, "peg": Peg.MID, "peg_ticks": MAX_PRICE_TICKS},
    "a pegged order that is hidden": {"type": OrderType.PEGGED, "peg": Peg.MARKET, "flags": HIDDEN},
    "a market order with a price": {"type": OrderType.MARKET, "price_ticks": MAX_PRICE_TICKS + 1},
    "a stop with a price": {"type": OrderType.STOP, "price_ticks": MAX_PRICE_TICKS + 1} | STOP,
}


def first_answer(make: EngineMaker, command: Mapping[str, int], rules: Mapping[str, int] | None = None) -> Reason:
    """The reason of a refusal; NONE for a command that is accepted."""
    messages, terms = arrays([command])
    answer = make(rules or {}, terms).play(messages)[0]
    assert (answer[1] == ReportKind.REJECTED) == (answer[2] != Reason.NONE)
    return Reason(answer[2])


@pytest.mark.parametrize("story", FIELDS)
def test_what_does_not_exist_is_a_bad_field(story: str, make: EngineMaker) -> None:
    assert Reason.BAD_FIELD == first_answer(make, PLAIN | FIELDS[story])


@pytest.mark.parametrize("story", WELCOME)
def test_what_looks_strange_and_is_allowed(story: str, make: EngineMaker) -> None:
    assert Reason.NONE == first_answer(make, PLAIN | WELCOME[story])


def test_of_many_mistakes_the_first_check_names_the_reason(make: EngineMaker) -> None:
    rules = {"tick_step": 5, "lot_step": 2, "band_low_ticks": 50, "band_high_ticks": 150, "phase": Phase.AUCTION}
    command = PLAIN | OWN | {"tif": TimeInForce.GTD, "expire_ns": 0, "size_lots": 0, "price_ticks": MAX_PRICE_TICKS + 4}
    command |= {"type": OrderType.STOP_LIMIT, "flags": REDUCE | POST, "has_stop": 1, "stop_ticks": MAX_PRICE_TICKS + 4}
    repairs: list[tuple[Reason, dict[str, int]]] = [
        (Reason.BAD_FIELD, {"flags": REDUCE}),
        (Reason.NOT_IN_PHASE, {}),
        (Reason.BAD_SIZE, {"size_lots": 3}),
        (Reason.OFF_LOT, {"size_lots": 6}),
        (Reason.BAD_PRICE, {"price_ticks": 161}),
        (Reason.OFF_TICK, {"price_ticks": 160}),
        (Reason.OUTSIDE_BAND, {"price_ticks": 150}),
        (Reason.BAD_PRICE, {"stop_ticks": 161}),
        (Reason.OFF_TICK, {"stop_ticks": 160}),
        (Reason.ALREADY_EXPIRED, {"expire_ns": 99}),
        (Reason.REDUCE_ONLY, {"flags": 0}),
    ]
    for reason, repair in repairs:
        assert reason == first_answer(make, command, rules)
        command |= repair
        if reason == Reason.NOT_IN_PHASE:
            rules["phase"] = Phase.CONTINUOUS
    assert Reason.NONE == first_answer(make, command, rules)


STEPS = {
    "the edges of the band are legal": """
        > new 1 buy 2 @ 45
        REJECTED OUTSIDE_BAND 1
        > new 1 buy 2 @ 50
        ACCEPTED 1 buy 2 @ 50 left 2
        > new 2 sell 2 @ 155
        REJECTED OUTSIDE_BAND 2
        > new 2 sell 2 @ 150
        ACCEPTED 2 sell 2 @ 150 left 2
        > replace 1 2 @ 45
        REJECTED OUTSIDE_BAND 1
        > replace 1 2 @ 151
        REJECTED OFF_TICK 1
    """,
    "sizes, displays and minimums are whole steps": """
        > new 1 buy 3 @ 100
        REJECTED OFF_LOT 1
        > new 1 buy 4 @ 100 display 1
        REJECTED OFF_LOT 1
        > new 1 buy 4 @ 100 min 1
        REJECTED OFF_LOT 1
        > new 1 buy 4 @ 100 display 2 min 2
        ACCEPTED 1 buy 4 @ 100 left 4
        > reduce 1 1
        REJECTED OFF_LOT 1
        > reduce 1 0
        REJECTED BAD_SIZE 1
        > replace 1 3 @ 100
        REJECTED OFF_LOT 1
        > replace 1 2 @ 100
        REPLACED 1/1 buy 2 @ 100 left 2
    """,
    "the band is for limit prices only": """
        > new 1 buy 2 stop 170
        ACCEPTED 1 buy 2 @ 0 left 2
        > new 2 buy 2 @ 170 stop 170
        REJECTED OUTSIDE_BAND 2
        > new 2 buy 2 stop 171
        REJECTED OFF_TICK 2
        > new 3 buy 2 market
        ACCEPTED 3 buy 2 @ 0 left 0
        CANCELLED NO_LIQUIDITY 3 buy 2 @ 0 left 0
    """,
}


@pytest.mark.parametrize("story", STEPS)
def test_the_steps_and_the_band_of_a_venue(story: str, play: PlayExample) -> None:
    play(STEPS[story], "tick_step=5 lot_step=2 band_low_ticks=50 band_high_ticks=150")


def test_a_display_or_minimum_out_of_range_is_a_bad_size(make: EngineMaker) -> None:
    for name in ("display_lots", "min_lots"):
        assert Reason.BAD_SIZE == first_answer(make, PLAIN | {name: 7})
        assert Reason.BAD_SIZE == first_answer(make, PLAIN | {name: -1})


def test_a_phase_that_does_not_exist_is_a_bad_field(make: EngineMaker) -> None:
    for phase in (-1, 6, 2**40):
        assert Reason.BAD_FIELD == first_answer(make, {"verb": Verb.PHASE, "size_lots": phase})


def test_the_whole_range_of_prices_takes_part_in_an_auction(make: EngineMaker) -> None:
    commands = [
        PLAIN | {"order_id": 1, "side": 1, "price_ticks": -MAX_PRICE_TICKS},
        PLAIN | {"order_id": 2, "side": 0, "price_ticks": MAX_PRICE_TICKS},
        {"verb": Verb.PHASE, "size_lots": Phase.CONTINUOUS, "price_ticks": -MAX_PRICE_TICKS},
    ]
    messages, terms = arrays(commands)
    last = make({"phase": Phase.AUCTION}, terms).play(messages)[-1]
    assert (2, ReportKind.TRADE, Reason.AUCTION, 1, 1, 2, -MAX_PRICE_TICKS, 6, 0) == tuple(last)
