"""A day held against the facts, and against another day.

from lobsim.realism.assess import assess
found = assess(dataset, against)
found.ours.findings, found.comparison, found.as_json()
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import polars as pl

from lobsim.feeds.schema import Dataset
from lobsim.realism.comparison import Comparison, compare
from lobsim.realism.facts.catalogue import Finding, Verdict, judge_day
from lobsim.realism.facts.measured import Context
from lobsim.realism.prepare import Day, prepare_day


@dataclass(frozen=True, eq=False)
class Subject:
    """One day, and what it says about every fact."""

    day: Day
    digest: str
    findings: list[Finding]

    @property
    def title(self) -> str:
        """Symbol and date."""
        return f"{self.day.info.symbol} {self.day.info.date}"

    @property
    def verdicts(self) -> dict[str, int]:
        """How many facts are met, missed, not measurable."""
        found = Counter(finding.verdict for finding in self.findings)
        return {verdict.value: found[verdict] for verdict in Verdict}

    def as_json(self) -> dict[str, Any]:
        """Plain numbers and text."""
        info = self.day.info
        return {
            "symbol": info.symbol,
            "date": info.date,
            "fidelity": info.fidelity.name,
            "digest": self.digest,
            "rows": len(self.day.ts_ns),
            "market_orders": self.day.orders.number,
            "hidden_executions": len(self.day.hidden),
            "verdicts": self.verdicts,
            "facts": [finding.as_json() for finding in self.findings],
        }


@dataclass(frozen=True, eq=False)
class Realism:
    """What a day shows, alone or beside another one.

    comparison  None without another day
    """

    ours: Subject
    theirs: Subject | None
    comparison: Comparison | None
    seed: int

    def as_json(self) -> dict[str, Any]:
        """Plain numbers and text."""
        return self.ours.as_json() | {
            "seed": self.seed,
            "against": None if self.theirs is None else self.theirs.as_json(),
            "comparison": None if self.comparison is None else self.comparison.as_json(),
        }


def assess(
    dataset: Dataset,
    against: Dataset | None = None,
    *,
    seed: int = 0,
    metaorders: pl.DataFrame | None = None,
) -> Realism:
    """Hold a day against every fact, and against another day where there is one.

    seed        of the drawing of blocks for intervals
    metaorders  of the first day (lobsim.realism.facts.measured.METAORDERS), where whoever made it knows them

    Raises DataError for what cannot be replayed, ConfigError for a table of metaorders that is none.
    """
    ours = _subject(dataset, seed, metaorders)
    if against is None:
        return Realism(ours, None, None, seed)
    theirs = _subject(against, seed, None)
    return Realism(ours, theirs, compare(Context(ours.day, seed), Context(theirs.day, seed)), seed)


def _subject(dataset: Dataset, seed: int, metaorders: pl.DataFrame | None) -> Subject:
    day = prepare_day(dataset)
    return Subject(day, dataset.digest, judge_day(day, seed=seed, metaorders=metaorders))
