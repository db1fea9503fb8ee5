"""What the commands print: results on stdout, everything about the way there on stderr.

Invariants: with ``--json`` stdout holds one JSON object on one line and nothing else; progress is drawn only where
stderr is a terminal; text from files and arguments is never read as markup.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import IO, Annotated, Any

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds gone by, to the microsecond."""
        return round(perf_counter() - self._start, 6)


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON object on one line of stdout; raises ValueError for a number that JSON does not have."""
    print(json.dumps(value, allow_nan=False), flush=True)


def print_facts(title: str, facts: Mapping[str, str]) -> None:
    """A titled list of names and values on stdout; a long value, such as a digest, is never broken."""
    from rich.text import Text

    console = _console(sys.stdout)
    console.print(Text(title, "bold"), soft_wrap=True)
    width = max(map(len, facts))
    for name, value in facts.items():
        console.print(Text.assemble((f"{name:{width}}  ", "dim"), value), soft_wrap=True)


def print_table(
    title: str,
    headings: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    left: Collection[str] = (),
) -> None:
    """A table on stdout: the first column to the left, the others, numbers, to the right; one blank between columns.

    rows  text, or ``rich.text.Text`` where it has colours
    left  headings of further columns that stand to the left
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
        show_edge=False,
    )
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place and heading not in left else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    _console(sys.stdout).print(table)


def print_text(text: str) -> None:
    """A paragraph on stdout, folded to the width of the terminal; as it is where there is none."""
    if sys.stdout.isatty():
        _console(sys.stdout).print(text)
    else:
        print(text)


def say(text: str) -> None:
    """One line on stderr about what is going on."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int], None] | None]:
    """A progress bar on stderr, gone when done; yields a function that takes how much is done.

    total  of what is counted; None where nobody knows, and then the bar only moves

    Yields None where stderr is no terminal: nothing is drawn, and nobody needs to count.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=_console(sys.stderr), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def _console(file: IO[str]) -> Any:
    from rich.console import Console

    return Console(file=file, markup=False, emoji=False, highlight=False, soft_wrap=False)
