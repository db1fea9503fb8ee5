"""What the doctor can find in a data set: names, severities, the repair that is offered or why there is none, and the grade.

The grade is what the feed knows (``Fidelity``) and one word:

===========  =====================================================================
``exact``    nothing but information was found
``sound``    warnings: a replay is right, but somebody should have looked
``blemished``  errors, on fewer than one row in a hundred in all
``broken``   errors on one row in a hundred or more
===========  =====================================================================

Invariant: ``CHECKS`` names everything that is looked for, in the order of a report.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, NamedTuple

from lobsim.feeds.schema import DatasetInfo
from lobsim.types import Fidelity

BROKEN_SHARE = 0.01
"""Errors on this share of the rows, or more, make a data set broken."""


class Severity(IntEnum):
    """How bad a finding is."""

    INFO = 0  # worth knowing; a replay is not touched by it
    WARNING = 1  # a replay goes on, but something it relies on is weaker than it looks
    ERROR = 2  # a replay shows a market that was not there


class Check(NamedTuple):
    """One thing that is looked for.

    what      what it means that it was found
    severity  as a rule; a finding may be milder, and says why
    repair    name of the repair that is offered, or ""
    why_not   why none is offered, or ""
    """

    what: str
    severity: Severity
    repair: str = ""
    why_not: str = ""


CHECKS: dict[str, Check] = {
    "digest": Check(
        "the content does not have the digest it was written with",
        Severity.ERROR,
        why_not="nobody knows which bytes are wrong; import the vendor file again",
    ),
    "prepared-copy": Check(
        "the prepared copy of the day is not a copy of it",
        Severity.WARNING,
        why_not='the day itself is not touched; run "lobsim prepare" again or take the copy away',
    ),
    "crossed-book": Check(
        "best bid above best ask after a packet, in continuous trading",
        Severity.ERROR,
        why_not="nothing stands there for long; which side is right is not in the data",
    ),
    "locked-book": Check(
        "best bid equal to best ask after a packet, in continuous trading",
        Severity.WARNING,
        why_not="some venues lock; nothing says that this is wrong",
    ),
    "crossed-outside-trading": Check(
        "crossed or locked after a packet in a phase without continuous trading, where that is legal",
        Severity.INFO,
        why_not="it is legal",
    ),
    "missing-removal": Check(
        "a level or order stays behind the best price of newer ones of the other side",
        Severity.ERROR,
        repair="drop-stale",
    ),
    "sequence-gap": Check("numbers of the venue are missing: the book may be wrong", Severity.ERROR, "mark-gaps"),
    "sequence-falls": Check(
        "the venue's numbers go back", Severity.WARNING, why_not="rows are in the order of the exchange clock"
    ),
    "book-lost": Check(
        "the book is emptied in the middle of the day",
        Severity.INFO,
        why_not="it is marked already: nothing can be filled before the next snapshot",
    ),
    "trade-without-depth-change": Check(
        "a trade, and no decrease of the level it names within a second",
        Severity.WARNING,
        why_not="the size may have come back between two updates; a replay takes the trade from the level all the same",
    ),
    "orphan-cancel": Check(
        "a reduction, deletion or replacement of an order that is not in the book",
        Severity.ERROR,
        why_not="the order was never announced; a replay ignores the row and counts it",
    ),
    "orphan-execution": Check(
        "an execution of an order that is not in the book",
        Severity.ERROR,
        why_not="the order was never announced; a replay takes it as a hidden execution",
    ),
    "overdrawn": Check(
        "more is taken from an order than is left of it",
        Severity.ERROR,
        why_not="which of the two sizes is wrong is not in the data; a replay takes what is there",
    ),
    "duplicate-order": Check(
        "an order is announced that is in the book already",
        Severity.ERROR,
        why_not="which of the two is meant is not in the data",
    ),
    "duplicate-row": Check("a row is there twice, in every column", Severity.ERROR, repair="drop-duplicates"),
    "exchange-time-falls": Check("exchange time goes back", Severity.ERROR, repair="lift-exchange-time"),
    "exchange-time-lifted": Check(
        "the import moved exchange times that went back", Severity.INFO, why_not="it is done already"
    ),
    "local-clock-falls": Check(
        "the local clock goes back within book or trades", Severity.WARNING, repair="event-order"
    ),
    "negative-latency": Check("a row was received before it happened", Severity.WARNING, repair="clock-offset"),
    "auction-row": Check(
        "a row of an auction while the phase is continuous trading",
        Severity.INFO,
        why_not="the feed tells no phases; a replay never fills own orders from it",
    ),
    "off-tick": Check(
        "a price between two ticks",
        Severity.INFO,
        why_not="hidden trades may be at half a tick; a replay rounds to the worse one for the resting side",
    ),
    "odd-size": Check(
        "a size or price that no row of its kind can have",
        Severity.ERROR,
        why_not="the right number is not in the data",
    ),
    "silent-stretch": Check(
        "nothing happened for far longer than usual, in continuous trading",
        Severity.WARNING,
        why_not="nothing says whether the market or the recorder was silent",
    ),
    "import-notes": Check(
        "the import counted what it left out, put right or linked", Severity.INFO, why_not="it is done already"
    ),
    "repaired": Check("a repair was made", Severity.INFO, why_not="it is done already"),
}
"""Everything that is looked for: name -> what it means."""

_KNOWS = {
    Fidelity.L3_FULL: "L3",
    Fidelity.L3_TOP_K: "L3 cut to the best levels",
    Fidelity.L2_TRADES: "L2 + trades",
    Fidelity.L2_SNAPSHOTS: "L2 without trades",
    Fidelity.L1: "L1",
}


class First(NamedTuple):
    """Where something was found first: the row, counted from 1, its exchange time, and the row in words."""

    row: int
    ts_exchange: int
    what: str

    @property
    def time(self) -> str:
        """The exchange time as text, UTC, to the nanosecond."""
        return time_text(self.ts_exchange)


@dataclass(frozen=True)
class Finding:
    """Something that was found.

    name      one of ``CHECKS``
    count     how often
    severity  how bad it is here
    first     the first of them; None where it is not about rows
    note      what else is to be said, or ""
    facts     figures by name; names end in their unit
    offered   a repair that helps here, though not as a rule
    """

    name: str
    count: int
    severity: Severity
    first: First | None = None
    note: str = ""
    facts: dict[str, int] = field(default_factory=dict)
    offered: str = ""

    @property
    def what(self) -> str:
        """What it means."""
        return CHECKS[self.name].what

    @property
    def repair(self) -> str:
        """Name of the repair that is offered, or ""."""
        return self.offered or CHECKS[self.name].repair

    @property
    def why_not(self) -> str:
        """Why no repair is offered, or ""."""
        return "" if self.repair else CHECKS[self.name].why_not

    def to_json(self) -> dict[str, Any]:
        """For programs; rows count from 1, times are nanoseconds UTC and text."""
        first = None
        if self.first is not None:
            first = {"row": self.first.row, "ts_ns": self.first.ts_exchange, "time": self.first.time}
            first["what"] = self.first.what
        return {
            "name": self.name,
            "what": self.what,
            "severity": self.severity.name.lower(),
            "count": self.count,
            "first": first,
            "repair": self.repair or None,
            "why_no_repair": self.why_not or None,
            "note": self.note,
            "facts": self.facts,
        }


@dataclass(frozen=True)
class Report:
    """What the doctor says of one data set.

    info      the data set
    rows      how many were looked at
    findings  in the order of ``CHECKS``
    unjudged  check -> why it could not be made
    """

    info: DatasetInfo
    rows: int
    findings: tuple[Finding, ...]
    unjudged: dict[str, str]

    @property
    def grade(self) -> str:
        """What the feed knows, and how well: "L3, exact"."""
        return f"{_KNOWS[self.info.fidelity]}, {self.state}"

    @property
    def state(self) -> str:
        """exact, sound, blemished or broken (the table of this module)."""
        errors = sum(each.count for each in self.findings if each.severity == Severity.ERROR)
        if errors:
            damaged = any(each.name == "digest" for each in self.findings)
            return "broken" if damaged or errors >= BROKEN_SHARE * self.rows else "blemished"
        warned = any(each.severity == Severity.WARNING for each in self.findings)
        return "sound" if warned else "exact"

    @property
    def clean(self) -> tuple[str, ...]:
        """Checks that were made and found nothing."""
        found = {each.name for each in self.findings}
        return tuple(name for name in CHECKS if name not in found and name not in self.unjudged)

    def finding(self, name: str) -> Finding | None:
        """The finding of one name; None where nothing was found."""
        return next((each for each in self.findings if each.name == name), None)

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "symbol": self.info.symbol,
            "date": self.info.date,
            "fidelity": self.info.fidelity.name,
            "depth": self.info.depth,
            "rows": self.rows,
            "grade": self.grade,
            "state": self.state,
            "findings": [each.to_json() for each in self.findings],
            "found_nothing": list(self.clean),
            "not_judged": self.unjudged,
        }


def time_text(ts_ns: int) -> str:
    """Nanoseconds since 1970 as UTC text: 2012-06-21T13:30:00.004241176Z."""
    seconds, rest = divmod(ts_ns, 10**9)
    try:
        return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}.{rest:09}Z"
    except (ValueError, OverflowError, OSError):
        return f"{ts_ns} ns"
