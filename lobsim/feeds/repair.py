"""Repairs of a data set: separate, named steps, each with a log of what it changed.

=======================  ============================================================================================
``clock-offset``         shifts the local clock so that no row is received before it happened: ``local_clock``
``event-order``          one order of events for two clocks: rows by exchange time, local time never falling within
                         book or trades: ``local_clock``
``lift-exchange-time``   an exchange time that went back becomes the latest before it
``drop-duplicates``      rows that are there twice are left once
``drop-stale``           a level or order that newer ones of the other side have crossed for a second leaves: ``stale_rows``
``mark-gaps``            a gap in the venue's numbers empties the book; until the next snapshot nothing is told: ``gaps``
=======================  ============================================================================================

Invariants: the data set given is not changed; a step made twice changes nothing the second time; what was done stands in the notes of the new data set.
Known limit: a day is repaired in memory as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from lobsim.errors import ConfigError
from lobsim.feeds.changes import Change, changed_values, kept_rows
from lobsim.feeds.findings import time_text
from lobsim.feeds.gaps import mark_gaps
from lobsim.feeds.local_clock import clock_offset, event_order
from lobsim.feeds.row_checks import REPAIR_NOTE, numbers_are_rows, repeated
from lobsim.feeds.schema import Dataset
from lobsim.feeds.stale_rows import drop_stale


def lift_exchange_time(dataset: Dataset) -> Change:
    """Give a row whose exchange time is earlier than one before it the latest time before it."""
    time = dataset.events["ts_exchange"].to_numpy()
    return changed_values(dataset, {"ts_exchange": np.maximum.accumulate(time)})


def drop_duplicates(dataset: Dataset) -> Change:
    """Leave out rows that repeat an earlier one (``row_checks.repeated``)."""
    numbered = not numbers_are_rows(dataset.events["sequence"].to_numpy())
    return kept_rows(dataset, ~repeated(dataset.events, numbered=numbered))


class Repair(NamedTuple):
    """A kind of repair.

    what        in words
    make        data set and parameters -> what became of it
    parameters  name -> default; whole numbers
    """

    what: str
    make: Callable[..., Change]
    parameters: Mapping[str, int] = MappingProxyType({})


REPAIRS: dict[str, Repair] = {
    "clock-offset": Repair(
        "shifts the local clock so that no row is received before it happened",
        clock_offset,
        {"base_ns": 0, "window_s": 0},
    ),
    "event-order": Repair("one order of events for two clocks: the local clock never goes back", event_order),
    "lift-exchange-time": Repair("an exchange time that went back becomes the latest before it", lift_exchange_time),
    "drop-duplicates": Repair("rows that are there twice are left once", drop_duplicates),
    "drop-stale": Repair(
        "a level or order that newer ones of the other side have crossed for long leaves the book",
        drop_stale,
        {"after_ns": 10**9},
    ),
    "mark-gaps": Repair("a gap empties the book, and nothing is told until the next snapshot", mark_gaps),
}
"""Name -> the repair; they are made in the order in which they are asked for."""


class Step(NamedTuple):
    """A repair that is asked for."""

    name: str
    parameters: dict[str, int]


@dataclass(frozen=True)
class Entry:
    """What one step did: a line of the log.

    name        of the repair
    parameters  all of them
    rows        how many rows were changed, left out or put in
    first       number, from 1, and exchange time (ns) of the first of them among the rows before the step; None where there is none
    last        the same of the last
    words       what else is to be said, or ""
    """

    name: str
    parameters: dict[str, int]
    rows: int
    first: tuple[int, int] | None
    last: tuple[int, int] | None
    words: str

    @property
    def note(self) -> str:
        """One line for the notes of a data set."""
        given = "".join(f" {name}={value}" for name, value in self.parameters.items())
        where = ""
        if self.first is not None and self.last is not None:
            where = f" from row {self.first[0]} ({time_text(self.first[1])}) to row {self.last[0]} ({time_text(self.last[1])})"
        return f"{REPAIR_NOTE}{self.name}{given}: {self.rows} rows{where}{', ' * bool(self.words)}{self.words}"

    def to_json(self) -> dict[str, Any]:
        """For programs; rows count from 1, times are nanoseconds UTC."""
        ends = {"first": self.first, "last": self.last}
        told = {name: None if end is None else {"row": end[0], "ts_ns": end[1]} for name, end in ends.items()}
        return {"name": self.name, "parameters": self.parameters, "rows": self.rows, **told, "words": self.words}


def parse_steps(texts: Sequence[str]) -> list[Step]:
    """Steps written as ``NAME`` or ``NAME:parameter=number,parameter=number``; raises ConfigError with the names there are."""
    steps = []
    for text in texts:
        name, _, given = text.partition(":")
        if name not in REPAIRS:
            raise ConfigError(f"there is no repair {name!r}", hint=f"choose from {', '.join(REPAIRS)}")
        parameters = dict(REPAIRS[name].parameters)
        for pair in filter(None, given.split(",")):
            key, _, value = pair.partition("=")
            if key not in parameters:
                known = ", ".join(parameters) or "none"
                raise ConfigError(f"the repair {name} has no parameter {key!r}", hint=f"it has {known}")
            if not (value.isascii() and value.isdigit()) or len(value) > 18:
                raise ConfigError(f"{key} of the repair {name} is {value!r}, a whole number from 0 on is needed")
            parameters[key] = int(value)
        steps.append(Step(name, parameters))
    return steps


def repair(dataset: Dataset, steps: Sequence[Step | str]) -> tuple[Dataset, list[Entry]]:
    """Make some repairs, one after the other: the new data set, its notes longer by the log, and the log.

    Raises ConfigError for a repair that does not exist, DataError for one that the data set does not allow.
    """
    log = []
    for asked in steps:
        (step,) = [asked] if isinstance(asked, Step) else parse_steps([asked])
        time = dataset.events["ts_exchange"].to_numpy()
        change = REPAIRS[step.name].make(dataset, **step.parameters)
        rows = np.unique(np.minimum(change.rows, len(time) - 1))
        ends = [(int(row) + 1, int(time[row])) for row in rows[[0, -1]]] if len(rows) else [None, None]
        log.append(Entry(step.name, step.parameters, len(change.rows), ends[0], ends[1], change.words))
        dataset = change.dataset
    notes = (*dataset.info.notes, *(entry.note for entry in log))
    return replace(dataset, info=replace(dataset.info, notes=notes)), log
