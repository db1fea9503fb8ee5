"""``lobsim replay``: a recorded day through the matching core without own orders, held against what was recorded beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lobsim.cli.compiling import compile_replay
from lobsim.cli.data_source import (
    UNDERSTOOD,
    BookOption,
    DateOption,
    SeedBookOption,
    SymbolOption,
    TruthOption,
    open_dataset,
)
from lobsim.cli.output import JsonOption, Stopwatch, print_facts, print_json, print_text, progress
from lobsim.errors import ConfigError, DataError

if TYPE_CHECKING:
    from lobsim.feeds.schema import Dataset
    from lobsim.market import ReplayCheck
    from lobsim.properties import Findings


@dataclass(frozen=True)
class _Seconds:
    """Where the time went."""

    reading: float
    compiling: float
    preparing: float
    replaying: float


def replay(
    file: Annotated[str, typer.Argument(metavar="FILE", help=f"{UNDERSTOOD[0].upper()}{UNDERSTOOD[1:]}.")],
    verify: Annotated[
        bool, typer.Option("--verify", help="Exit with 1 if a recorded book row does not follow from its message.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Check spread, price-time priority and conservation; exit with 1 on a violation."),
    ] = False,
    truth: TruthOption = None,
    seed_book: SeedBookOption = None,
    book: BookOption = None,
    symbol: SymbolOption = None,
    date: DateOption = None,
    trace_hash: Annotated[
        int,
        typer.Option(
            "--trace-hash", metavar="N", min=0, help="Print the state hash after every N rows, to compare runs."
        ),
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Replay a recorded day and check every row against its book.

    A row matches if the message alone turns the recorded book before it
    into the one after it, at every price that both show.

    A disagreement with --truth is information and never makes --verify fail:
    a replay of messages alone drifts away from the book they were cut from.

    With --trace-hash two machines, or two versions, are compared: the first
    line that differs tells between which rows they part.

    Rows count from 1; truth_first_difference in the JSON counts from 0.
    """
    clock = Stopwatch()
    with progress(f"reading {Path(file).name}", None):
        dataset = open_dataset(file, book=book, seed_book=seed_book, truth=truth, symbol=symbol, date=date)
    read_s = clock.seconds
    if verify and dataset.rows is None and dataset.truth is None:
        raise ConfigError(
            "--verify has nothing to hold the replay against: there are no recorded book rows",
            where=file,
            hint="give them with --book, or level 1 with --truth",
        )
    found, seconds = _replay(dataset, read_s, trace_hash)
    properties = _check_properties(dataset) if check else None
    if as_json:
        extra = {} if properties is None else {"properties": _properties_json(properties)}
        print_json(_as_json(dataset, found, seconds) | extra)
    else:
        print_facts(f"{dataset.info.symbol} {dataset.info.date}, replayed", _facts(dataset, found, seconds))
        for row, state in found.trace:
            print_text(f"{row:>12} {state:016x}")
        print_text(f"\n{_in_words(found)}")
        if properties is not None:
            print_text(_properties_in_words(properties))
    if verify:
        _refuse_mismatch(found, file)
    if properties is not None and properties.first is not None:
        _refuse_violation(properties, file)


def _replay(dataset: Dataset, read_s: float, trace_hash: int) -> tuple[ReplayCheck, _Seconds]:
    compile_s = compile_replay(dataset, hashes=trace_hash > 0)
    from lobsim.market import Market

    clock = Stopwatch()
    market = Market(dataset)
    prepare_s = clock.seconds
    with progress("replaying", len(dataset.events)) as count:
        clock = Stopwatch()
        check = market.replay(count, hash_every=trace_hash)
        replay_s = clock.seconds
    return check, _Seconds(read_s, compile_s, prepare_s, replay_s)


def _refuse_mismatch(check: ReplayCheck, file: str) -> None:
    if check.first_mismatch is None or check.first_mismatch < 0:
        return
    wrong = check.rows - (check.rows_matching or 0)
    raise DataError(
        "the recorded book row does not follow from the row before it and the message",
        file=file,
        row=check.first_mismatch + 1,
        hint=f"{wrong:,} of {check.rows:,} rows do not match and this is the first",
    )


def _check_properties(dataset: Dataset) -> Findings:
    from lobsim.market import Market
    from lobsim.replay_properties import check_market

    with progress("checking the properties of an auction", len(dataset.events)) as count:
        return check_market(Market(dataset), count)


def _refuse_violation(properties: Findings, file: str) -> None:
    first = properties.first
    assert first is not None
    raise DataError(
        f"the replay is no continuous double auction: {first.violation.name.lower().replace('_', ' ')}",
        file=file,
        row=first.where + 1,
        hint=f"{properties.count:,} violations in all and this is the first",
    )


def _properties_json(properties: Findings) -> dict[str, Any]:
    """Violations by kind (rows from 1), and what history itself did."""
    found = {
        finding.violation.name.lower(): {"count": finding.count, "first_row": finding.where + 1}
        for finding in properties.found
    }
    names = ("history_crossed", "away_from_best", "out_of_turn")
    return {"violations": properties.count, "found": found} | {name: properties.facts[name] for name in names}


def _properties_in_words(properties: Findings) -> str:
    """One sentence on the simulation, one on history."""
    facts = properties.facts
    said = f"{properties.count:,} violations" if properties.count else "No violation"
    return (
        f"{said} of positive spread, price-time priority and conservation. History itself was crossed after"
        f" {facts['history_crossed']:,} rows and traded away from the best price {facts['away_from_best']:,} times, out of turn"
        f" {facts['out_of_turn']:,} times."
    )


def _as_json(dataset: Dataset, check: ReplayCheck, seconds: _Seconds) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "symbol": dataset.info.symbol,
        "date": dataset.info.date,
        "fidelity": dataset.info.fidelity.name,
        "digest": dataset.digest,
        "rows": check.rows,
        "rows_matching": check.rows_matching,
        "rows_entering": check.rows_entering,
        "first_mismatch": _counted(check.first_mismatch, 1),
        "crossed": check.crossed,
        "unknown": check.unknown,
        "corrections": check.corrections,
        "truth_rows": check.truth_rows,
        "truth_exact": check.truth_exact,
        "truth_exact_percent": _percent(check),
        "truth_first_difference": _counted(check.truth_first, 0),
        "events_per_s": round(check.rows / seconds.replaying),
        "import_s": seconds.reading,
        "compile_s": seconds.compiling,
        "prepare_s": seconds.preparing,
        "replay_s": seconds.replaying,
    }
    if check.trace:
        facts["trace_hash"] = [[row, f"{state:016x}"] for row, state in check.trace]
    return facts


def _counted(index: int | None, start: int) -> int | None:
    """A row found at an index, counted from start; None where none was found or none was looked for."""
    return None if index is None or index < 0 else index + start


def _percent(check: ReplayCheck) -> float | None:
    if check.truth_rows is None or check.truth_exact is None:
        return None
    return round(100 * check.truth_exact / check.truth_rows, 4)


def _facts(dataset: Dataset, check: ReplayCheck, seconds: _Seconds) -> dict[str, str]:
    facts = {"data": f"{dataset.info.fidelity.name}, {dataset.info.source}", "rows": f"{check.rows:,}"}
    if check.rows_matching is not None:
        facts["rows matching"] = f"{check.rows_matching:,}"
        facts["rows entering"] = f"{check.rows_entering:,} show a price the row before could not show"
    if check.truth_rows is not None:
        facts["truth exact"] = f"{check.truth_exact:,} of {check.truth_rows:,}, {_percent(check):.2f} %"
    facts["crossed"] = f"{check.crossed:,}"
    facts["unknown orders"] = f"{check.unknown:,}"
    for cause, count in check.corrections.items():
        if count["rows"]:
            facts[f"corrected: {cause}"] = f"{count['rows']:,} rows, {count['lots']:,} lots"
    facts["speed"] = f"{check.rows / seconds.replaying:,.0f} rows/s, {seconds.replaying:.3f} s"
    facts["seconds before"] = (
        f"reading {seconds.reading:.2f}, compiling {seconds.compiling:.2f}, preparing {seconds.preparing:.2f}"
    )
    facts["digest"] = dataset.digest
    return facts


def _in_words(check: ReplayCheck) -> str:
    """What the figures mean, in a sentence or two."""
    said = []
    if check.rows_matching == check.rows:
        said.append("Every recorded book row follows from the row before it and its message alone.")
    elif check.rows_matching is not None and check.first_mismatch is not None:
        said.append(
            f"{check.rows - check.rows_matching:,} recorded book rows do not follow from their message, the first is row"
            f" {check.first_mismatch + 1:,}: book and messages disagree there."
        )
    if check.truth_rows is not None and check.truth_first is not None:
        if check.truth_first < 0:
            said.append("Best prices and sizes agree with the truth file after every row.")
        else:
            said.append(
                f"Best prices and sizes agree with the truth file in {_percent(check):.2f} % of the rows; the first"
                f" difference is in row {check.truth_first + 1:,}."
            )
    if not said:
        said.append("Nothing was recorded beside the messages to hold the replay against.")
    if check.crossed:
        said.append(f"The book was crossed or locked after {check.crossed:,} packets.")
    return " ".join(said)
