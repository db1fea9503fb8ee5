"""What a `Book` answers: levels and reports in natural units."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from lobsim.types import Phase, Reason, ReportKind, Side

_NOTHING_LEFT = (ReportKind.CANCELLED, ReportKind.REJECTED, ReportKind.EXPIRED)


class Level(NamedTuple):
    """One price of a side: natural units, and how many orders stand there."""

    price: Decimal
    size: Decimal
    orders: int


@dataclass(frozen=True)
class Report:
    """One answer of the book, in natural units (lobsim.types.ReportKind says what each number means).

    side       of the order; of a TRADE the maker's; None where it is not known
    order_id   the order; of a TRADE the maker
    other_id   of a TRADE the taker; of a REPLACED the id before; of a refused replace the id asked for; else 0
    """

    kind: ReportKind
    reason: Reason
    side: Side | None
    order_id: int
    other_id: int
    price: Decimal
    size: Decimal
    remaining: Decimal

    def __str__(self) -> str:
        """One line to read."""
        if self.kind == ReportKind.PHASE_CHANGED:
            return f"{self.kind.name} to {Phase(int(self.size)).name}, reference {self.price}"
        words = [f"{self.kind.name} {self.size} @ {self.price}, order {self.order_id}"]
        if self.other_id:
            words.append(f"{'taken by' if self.kind == ReportKind.TRADE else 'was'} {self.other_id}")
        if self.side is not None:
            words.append(self.side.name.lower())
        if self.kind not in _NOTHING_LEFT:
            words.append(f"{self.remaining} left")
        if self.reason != Reason.NONE:
            words.append(self.reason.name)
        return ", ".join(words)


class Reports(tuple[Report, ...]):
    """Everything the book answered to one request, in order."""

    __slots__ = ()

    @property
    def trades(self) -> tuple[Report, ...]:
        """The trades among them."""
        return tuple(report for report in self if report.kind == ReportKind.TRADE)

    @property
    def filled(self) -> Decimal:
        """Total size traded."""
        return sum((report.size for report in self.trades), Decimal(0))

    @property
    def refused(self) -> Reason | None:
        """Why the request was refused, None if it was not."""
        return next((report.reason for report in self if report.kind == ReportKind.REJECTED), None)

    def __repr__(self) -> str:
        """One line for each report."""
        return "\n".join(str(report) for report in self)
