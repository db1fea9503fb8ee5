"""A day held against the facts, and against another day.

from lobsim.realism.assess import assess
found = assess(dataset, against)
found.ours.findings, found.comparison, found.as_json()
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import polars as pl

from lobsim.feeds.schema import Dataset
from lobsim.realism.comparison import Comparison, compare
from lobsim.realism.facts.catalogue import Finding, Verdict, judge_day
from lobsim.realism.facts.measured import Context
from lobsim.realism.prepare import Day, prepare_day
from lobsim.realism.reference import Reference, account_of, profile_of, reference_of


@dataclass(frozen=True, eq=False)
class Subject:
    """One day, and what it says about every fact.

    reference   of the preset that made it; None: it is judged by the catalogue's bands
    """

    day: Day
    digest: str
    findings: list[Finding]
    reference: Reference | None = None

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
            "reference": None if self.reference is None else self.reference.as_json() | self._account(self.reference),
            "facts": [finding.as_json() for finding in self.findings],
        }

    def _account(self, reference: Reference) -> dict[str, Any]:
        found = profile_of(self.day)
        profile = {name: value if math.isfinite(value) else None for name, value in found.items()}
        return account_of(self.findings)._asdict() | {"profile": profile, "outside": reference.outside(found)}


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
    preset: str | None = None,
) -> Realism:
    """Hold a day against every fact, and against another day where there is one.

    seed        of the drawing of blocks for intervals
    metaorders  of the first day (lobsim.realism.facts.measured.METAORDERS), where whoever made it knows them
    preset      by whose reference the first day is judged, instead of the preset its notes name

    Raises DataError for what cannot be replayed, ConfigError for a table of metaorders that is none and for a preset without a reference.
    """
    ours = _subject(dataset, seed, metaorders, preset)
    if against is None:
        return Realism(ours, None, None, seed)
    theirs = _subject(against, seed, None)
    return Realism(ours, theirs, compare(Context(ours.day, seed), Context(theirs.day, seed)), seed)


def _subject(dataset: Dataset, seed: int, metaorders: pl.DataFrame | None, preset: str | None = None) -> Subject:
    reference = reference_of(dataset.info, preset)
    day = prepare_day(dataset)
    if reference is None:
        return Subject(day, dataset.digest, judge_day(day, seed=seed, metaorders=metaorders))
    findings = judge_day(day, seed=seed, metaorders=metaorders, facts=reference.facts)
    return Subject(day, dataset.digest, reference.mark(findings), reference)
