"""Worked examples of the rules as text: commands, and below each what the venue answers.

A line that begins with ``>`` is a command whose reports follow, all of them, one a line; one that begins with ``.`` sets the stage:
it must not be refused, and what it is answered is not compared.  Commands::

    new 7 buy 10 @ 101         limit; `ioc`, `fok`, `gtd 50`, `post`, `hidden`, `reduce-only`, `owner 3`, `display 4`, `min 2`
    new 7 buy 10 market        also `to-limit`, `stop 103` (with a price: stop-limit), `peg mid 2 @ 105`
    cancel 7                   reduce 7 3, replace 7 5 @ 100, replace 7 5 @ 100 as 8 (`post`, `lose`)
    phase auction reference 100

``at 50`` in any of them is its time.  Reports read ``KIND [REASON] id[/other id] side size @ price left remaining``; a refusal reads
``REJECTED REASON id``.  For a TRADE the first id is the maker's.

Every example is also played with the sides exchanged and prices mirrored in 100, unless its auction prefers a side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lobsim.types import (
    MESSAGE,
    TERMS,
    Allocation,
    MessageFlag,
    OrderType,
    Peg,
    Phase,
    Reason,
    ReportKind,
    SelfTrade,
    TimeInForce,
    Verb,
)
from tests.oracle.streams import records
from tests.support.engines import Answer, EngineMaker

MIRROR = 200
SIDES = ("buy", "sell")
WORDS: dict[str, dict[str, int]] = {
    "market": {"type": OrderType.MARKET},
    "to-limit": {"type": OrderType.MARKET_TO_LIMIT},
    "ioc": {"tif": TimeInForce.IOC},
    "fok": {"tif": TimeInForce.FOK},
}
FLAGS = {
    "post": MessageFlag.POST_ONLY,
    "hidden": MessageFlag.HIDDEN,
    "reduce-only": MessageFlag.REDUCE_ONLY,
    "lose": MessageFlag.LOSE_PLACE,
}
NUMBERS = {
    "@": "price_ticks",
    "at": "ts_ns",
    "owner": "owner",
    "display": "display_lots",
    "min": "min_lots",
    "stop": "stop_ticks",
    "as": "new_id",
    "gtd": "expire_ns",
    "reference": "price_ticks",
}
RULE_NAMES = {"self_trade": SelfTrade, "allocation": Allocation, "phase": Phase}
TERM_FIELDS = TERMS.names or ()


@dataclass(frozen=True)
class Step:
    """One command and the reports expected of it; None where only a refusal would be wrong."""

    line: str
    command: dict[str, int]
    expected: list[str] | None


def rules_of(text: str) -> dict[str, int]:
    """``self_trade=CANCEL_OLDEST tick_step=5`` as fields of RULES."""
    pairs = [pair.split("=") for pair in text.split()]
    return {name: int(RULE_NAMES[name][value]) if value.isupper() else int(value) for name, value in pairs}


def steps_of(text: str) -> list[Step]:
    """The commands of an example, with what is expected."""
    steps: list[Step] = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        if line[0] in ">.":
            steps.append(Step(line, command_of(line[1:].split()), [] if line[0] == ">" else None))
        else:
            expected = steps[-1].expected
            assert expected is not None, f"a report below a command that is not compared: {line}"
            expected.append(line)
    return steps


def command_of(words: list[str]) -> dict[str, int]:
    """One command as fields of MESSAGE and TERMS."""
    verb, rest = Verb[words[0].upper()], words[1:]
    command: dict[str, int] = {"verb": verb, "flags": 0}
    if verb == Verb.PHASE:
        command["size_lots"] = Phase[rest.pop(0).upper()]
    else:
        command["order_id"] = command["new_id"] = int(rest.pop(0))
    if verb == Verb.NEW:
        command["side"] = SIDES.index(rest.pop(0))
    if verb in (Verb.NEW, Verb.REDUCE, Verb.REPLACE):
        command["size_lots"] = int(rest.pop(0))
    while rest:
        _read_word(command, rest)
    if command.get("has_stop"):
        command["type"] = OrderType.STOP_LIMIT if "price_ticks" in command else OrderType.STOP
    return command


def _read_word(command: dict[str, int], rest: list[str]) -> None:
    word = rest.pop(0)
    if word in WORDS:
        command |= WORDS[word]
    elif word in FLAGS:
        command["flags"] |= FLAGS[word]
    elif word == "peg":
        command |= {"type": OrderType.PEGGED, "peg": Peg[rest.pop(0).upper()], "peg_ticks": int(rest.pop(0))}
    else:
        command[NUMBERS[word]] = int(rest.pop(0))
        if word == "stop":
            command["has_stop"] = 1
        elif word == "gtd":
            command["tif"] = TimeInForce.GTD


def mirrored(command: Mapping[str, int]) -> dict[str, int]:
    """The same command of the other side, prices mirrored."""
    turned = dict(command)
    if "side" in turned:
        turned["side"] = 1 - turned["side"]
    for name in ("price_ticks", "stop_ticks"):
        if name in turned:
            turned[name] = MIRROR - turned[name]
    return turned


def mirrored_rules(rules: Mapping[str, int]) -> dict[str, int]:
    """The band turns over."""
    turned = dict(rules)
    if "band_low_ticks" in rules:
        turned["band_low_ticks"] = MIRROR - rules["band_high_ticks"]
        turned["band_high_ticks"] = MIRROR - rules["band_low_ticks"]
    return turned


def arrays(commands: Iterable[Mapping[str, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Commands as MESSAGE and TERMS; each that has terms gets a row of its own."""
    rows: list[dict[str, int]] = []
    terms: list[dict[str, int]] = [{}]
    for command in commands:
        own = {name: value for name, value in command.items() if name in TERM_FIELDS}
        row = {name: value for name, value in command.items() if name not in TERM_FIELDS}
        if own:
            row["terms"] = len(terms)
            terms.append(own)
        rows.append(row)
    return records(rows, MESSAGE), records(terms, TERMS)


def as_text(answer: Answer, *, mirror: bool = False) -> str:
    """One report in the notation above; `mirror` turns it back."""
    _, kind, reason, side, order_id, other_id, price, size, remaining = answer
    if kind == ReportKind.REJECTED:
        return f"REJECTED {Reason(reason).name} {order_id}"
    if mirror:
        side, price = 1 - side, MIRROR - price if price else 0
    if kind == ReportKind.PHASE_CHANGED:
        return f"PHASE_CHANGED {Phase(size).name} @ {price}"
    cause = f" {Reason(reason).name}" if reason else ""
    ids = f"{order_id}/{other_id}" if other_id else f"{order_id}"
    return f"{ReportKind(kind).name}{cause} {ids} {SIDES[side]} {size} @ {price} left {remaining}"


def check(text: str, rules: str, make: EngineMaker, *, mirror: bool = False) -> Any:
    """Play an example and compare; answers the engine, as it is afterwards."""
    steps, chosen = steps_of(text), rules_of(rules)
    commands = [mirrored(step.command) if mirror else step.command for step in steps]
    messages, terms = arrays(commands)
    engine = make(mirrored_rules(chosen) if mirror else chosen, terms)
    for place, step in enumerate(steps):
        said = [as_text(answer, mirror=mirror) for answer in engine.play(messages[place : place + 1])]
        if step.expected is None:
            assert not any(line.startswith("REJECTED") for line in said), f"{step.line}: {said}"
        else:
            assert step.expected == said, step.line
        engine.audit()
    return engine
