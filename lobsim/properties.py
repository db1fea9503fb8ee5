"""Is this a continuous double auction?  A check of messages and reports that shares nothing with the book that answered.

Three properties determine every trade (Garg and Sarswat, arXiv 2412.08624): a positive bid-ask spread after each message, price-time priority, and
conservation.  `StreamChecker` takes a stream in stretches of any length and carries only the resting orders from one to the next;
`check_stream` takes it whole.  `lobsim.replay_properties` asks the same of a replayed day.

Known limits: those of `lobsim.core.properties`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lobsim.core.properties import check_messages
from lobsim.core.shadow import RESTING, copy_resting, join_all, new_shadow
from lobsim.core.violations import Checker, Violation, new_checker
from lobsim.errors import OrderError
from lobsim.types import MESSAGE, REPORT, RULES, TERMS, ReportKind

__all__ = ["Finding", "Findings", "StreamChecker", "Violation", "check_stream"]

_TOTALS = ("entered", "traded", "cancelled", "expired")


@dataclass(frozen=True)
class Finding:
    """A kind of violation: how often, and where first.

    where     index of the message, in a replay of the recorded row
    report    index of the report, in a replay of the event
    order_id  whom it concerns
    """

    violation: Violation
    count: int
    where: int
    report: int
    order_id: int

    def __str__(self) -> str:
        """One line."""
        name = self.violation.name.lower().replace("_", " ")
        return f"{name}: {self.count:,}, first at {self.where:,} (report {self.report:,}, order {self.order_id})"


@dataclass(frozen=True)
class Findings:
    """What a checker found: nothing, if all is well.

    found   one entry for each kind of violation
    facts   what was counted on the way: messages, trades, lots entered, traded (both sides), cancelled, expired, resting
    """

    found: tuple[Finding, ...] = ()
    facts: dict[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Violations in all."""
        return sum(finding.count for finding in self.found)

    @property
    def first(self) -> Finding | None:
        """The earliest, None if there is none."""
        return min(self.found, key=lambda finding: (finding.where, finding.report), default=None)

    def __str__(self) -> str:
        """One line for each kind."""
        return "\n".join(map(str, self.found)) or "no violation"


def findings_of(checker: Checker, facts: dict[str, int]) -> Findings:
    """The counts of a checker as Findings."""
    kinds = [kind for kind in Violation if checker.counts[kind]]
    rows = [(kind, int(checker.counts[kind]), *map(int, checker.firsts[kind])) for kind in kinds]
    return Findings(tuple(Finding(*row) for row in rows), facts)


class StreamChecker:
    """A stream of messages and the answers to it, checked stretch by stretch.

    rules  RULES [1] of the venue, None for one without any

    Its own memory is that of the resting orders; a stretch costs some 250 bytes a message more while it is looked at.
    """

    def __init__(self, rules: np.ndarray | None = None) -> None:
        if rules is not None and (rules.dtype != RULES or rules.shape != (1,)):
            raise OrderError("rules are an array of one lobsim.types.RULES")
        self.resting = np.zeros(0, RESTING)
        """Every order that rests by the reports: buys first, best first, in the order of the queue; then those that wait outside the book."""
        self._last = new_checker(new_shadow(np.zeros(0, np.int64), 0), rules)
        self._messages = 0

    def check(self, messages: np.ndarray, reports: np.ndarray, terms: np.ndarray | None = None) -> Findings:
        """Take the next stretch; the answer speaks of everything so far.

        messages  MESSAGE [any]
        reports   REPORT [all answers to them], sequence counted from the first of them, as `lobsim.Book.run` gives them
        terms     TERMS [any], the table that messages speak of; row 0 means nothing

        Raises OrderError for other arrays, and where a message was accepted whose terms the table does not have.
        """
        table = np.zeros(1, TERMS) if terms is None else terms
        for array, layout, name in (
            (messages, MESSAGE, "messages"),
            (reports, REPORT, "reports"),
            (table, TERMS, "terms"),
        ):
            if getattr(array, "dtype", None) != layout or array.ndim != 1:
                word = name if name == "terms" else name[:-1]
                raise OrderError(f"{name} are a one-dimensional array of lobsim.types.{word.upper()}")
        if len(table) == 0:
            raise OrderError("a table of terms has a row 0, which means nothing")
        checker = self._seeded(messages, reports)
        whole = (np.require(array, requirements=["C", "W"]) for array in (messages, table, reports))
        check_messages(checker, *whole, self._messages)
        state = checker.state[0]
        if state["unknown"] >= 0:
            raise OrderError(
                "a message was accepted whose terms are not in the table that was given",
                where=f"message {state['unknown']}",
            )
        self._messages += len(messages)
        self._keep(checker)
        return self.findings

    @property
    def findings(self) -> Findings:
        """What was found so far."""
        state = self._last.state[0]
        facts = {"messages": self._messages, "trades": int(state["trades"])}
        facts |= {name: int(state[name]) for name in _TOTALS} | {"resting": _whole(self.resting)}
        return findings_of(self._last, facts)

    def _seeded(self, messages: np.ndarray, reports: np.ndarray) -> Checker:
        """A checker for the next stretch, with the orders that rest; where pegged orders may stand only the reports tell."""
        moved = reports["price_ticks"][reports["kind"] == ReportKind.REPRICED]
        prices = np.unique(np.concatenate([messages["price_ticks"], moved, self.resting["price_ticks"]]))
        entries = int((reports["kind"] == ReportKind.TRIGGERED).sum())
        shadow = new_shadow(prices, len(self.resting) + len(messages) + entries)
        join_all(shadow, self.resting)
        checker = new_checker(shadow)
        checker.state[:] = self._last.state
        checker.counts[:] = self._last.counts
        checker.firsts[:] = self._last.firsts
        return checker

    def _keep(self, checker: Checker) -> None:
        """What rests at the end of a stretch, held against the clock and the totals; who should have left is counted and forgotten."""
        lines = checker.shadow.lines
        room = np.zeros(int((lines["rest"] + lines["reserve"] > 0).sum()), RESTING)
        resting = room[: copy_resting(checker.shadow, room)]
        state = checker.state[0]
        overdue = resting["expire_ns"] <= state["clock_ns"]
        self.resting = resting[~overdue]
        if overdue.any():
            _count(
                checker, Violation.TIME_LIMIT, int(overdue.sum()), self._messages, int(resting["order_id"][overdue][0])
            )
            state["expired"] += _whole(resting[overdue])
        total = int(state["traded"]) + int(state["cancelled"]) + int(state["expired"]) + _whole(self.resting)
        if total != state["entered"] and not checker.counts[Violation.TOTAL]:
            _count(checker, Violation.TOTAL, 1, self._messages, 0)
        self._last = checker._replace(shadow=new_shadow(np.zeros(0, np.int64), 0))


def _whole(resting: np.ndarray) -> int:
    """Lots of these orders, shown and in reserve."""
    return int(resting["rest"].sum() + resting["reserve"].sum())


def _count(checker: Checker, violation: Violation, count: int, where: int, order_id: int) -> None:
    """A violation that shows at the end of a stretch."""
    if not checker.counts[violation]:
        checker.firsts[violation] = (where, 0, order_id)
    checker.counts[violation] += count


def check_stream(
    messages: np.ndarray, reports: np.ndarray, terms: np.ndarray | None = None, rules: np.ndarray | None = None
) -> Findings:
    """A whole stream that begins with an empty book; arguments and errors as for `StreamChecker`."""
    return StreamChecker(rules).check(messages, reports, terms)
