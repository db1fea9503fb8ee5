"""``lobsim realism``: how far a day is from a real one, fact by fact, and from another day, score by score."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lobsim.cli.compiling import compile_replay
from lobsim.cli.data_source import (
    BookOption,
    DatasetArgument,
    DateOption,
    SeedBookOption,
    SymbolOption,
    TruthOption,
    open_dataset,
)
from lobsim.cli.output import JsonOption, Stopwatch, print_json, print_table, print_text, progress, say
from lobsim.cli.results import check_folder

if TYPE_CHECKING:
    import polars as pl

    from lobsim.feeds.schema import Dataset
    from lobsim.realism.assess import Realism
    from lobsim.realism.comparison import ScoreDistance
    from lobsim.realism.facts.catalogue import Finding

_JSON_NAME = "realism.json"
_NOTHING = "-"


def realism(
    file: DatasetArgument,
    against: Annotated[
        str | None, typer.Option("--against", help="A recorded day to hold it against; named as DATASET is.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for realism.html and realism.json.")] = None,
    metaorders: Annotated[
        Path | None,
        typer.Option(
            "--metaorders",
            help="Whose orders are whose: Parquet with start_ns, end_ns, side, size_lots; default: what simulate wrote.",
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option("--preset", help="Judge by this preset's reference; default: the one the day was made by."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the draws behind the intervals.")] = 0,
    discriminator: Annotated[
        bool, typer.Option("--discriminator", help="Let a classifier try to tell the two days apart: takes longer.")
    ] = False,
    book: BookOption = None,
    seed_book: SeedBookOption = None,
    truth: TruthOption = None,
    symbol: SymbolOption = None,
    date: DateOption = None,
    against_book: Annotated[Path | None, typer.Option("--against-book", help="As --book, of the other day.")] = None,
    against_seed_book: Annotated[
        Path | None, typer.Option("--against-seed-book", help="As --seed-book, of the other day.")
    ] = None,
    against_symbol: Annotated[
        str | None, typer.Option("--against-symbol", help="As --symbol, of the other day.")
    ] = None,
    against_date: Annotated[str | None, typer.Option("--against-date", help="As --date, of the other day.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say how far a day, simulated or recorded, is from a real one.

    Each stylised fact has an estimator, a band and a verdict: met, missed, or
    not measurable, with the reason. With --against the distances of LOB-Bench,
    six impact-response curves and the drift along the day are added.
    """
    check_folder(out)
    with progress(f"reading {file}", None):
        dataset = open_dataset(file, book=book, seed_book=seed_book, truth=truth, symbol=symbol, date=date)
    table = _metaorders(metaorders, file, dataset)
    other = None
    if against is not None:
        with progress(f"reading {against}", None):
            other = open_dataset(
                against, book=against_book, seed_book=against_seed_book, symbol=against_symbol, date=against_date
            )
    else:
        _refuse_without_against((against_book, against_seed_book, against_symbol, against_date, discriminator or None))
    _compile(dataset, other)
    from lobsim.realism.assess import assess

    clock = Stopwatch()
    with progress("measuring", None):
        found = assess(dataset, other, seed=seed, metaorders=table, preset=preset, discriminator=discriminator)
    told = found.as_json() | {"seconds": clock.seconds}
    if out is not None:
        told["out"] = _write(found, told, out)
    if as_json:
        print_json(told)
    else:
        _print_report(found, clock.seconds)


def _refuse_without_against(options: tuple[object, ...]) -> None:
    from lobsim.errors import ConfigError

    if any(option is not None for option in options):
        raise ConfigError("options of the other day need --against")


def _metaorders(path: Path | None, file: str, dataset: Dataset) -> pl.DataFrame | None:
    """The table that is named, else the one that was written beside the store of this very day."""
    from lobsim.cli.data_source import SAMPLE
    from lobsim.realism.metaorder_files import find_metaorders, read_metaorders
    from lobsim.sample import bundled_metaorders

    if path is None and file == SAMPLE:
        return bundled_metaorders()
    return find_metaorders(Path(file), dataset.digest) if path is None else read_metaorders(path)


def _compile(*datasets: Dataset | None) -> None:
    """Compile, or load, what the replays run, announced and apart from the measuring."""
    from lobsim.feeds.schema import Dataset
    from lobsim.market import Market
    from lobsim.realism.prepare import VOLUME_LEVELS
    from lobsim.realism.record import record_market

    for dataset in datasets:
        if dataset is not None:
            compile_replay(dataset)
            rows = None if dataset.rows is None else dataset.rows[:2]
            first = Dataset(dataset.info, dataset.events.head(2), rows, dataset.seed_row)
            record_market(Market(first), volume_levels=VOLUME_LEVELS)


def _write(found: Realism, told: dict[str, Any], folder: Path) -> list[str]:
    """Write the page and the numbers behind it; answers their paths."""
    import json

    from lobsim.realism.page import write_page
    from lobsim.whole_files import whole_file

    folder.mkdir(parents=True, exist_ok=True)
    numbers = folder / _JSON_NAME
    with whole_file(numbers) as partial:
        partial.write_text(json.dumps(told, allow_nan=False, indent=1) + "\n", encoding="utf-8", newline="\n")
    page = write_page(found, folder)
    say(f"wrote {page}")
    return [str(page), str(numbers)]


def _figure(value: float | None, digits: int = 3) -> str:
    """A value in so many figures, without an exponent; next to nothing is 0."""
    if value is None or not math.isfinite(value):
        return _NOTHING
    if abs(value) < 0.01:
        return f"{value:.4f}".rstrip("0").rstrip(".")
    return f"{value:,.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"


def _value(finding: Finding, name: str) -> str:
    measured = finding.measured
    return _NOTHING if measured is None else _figure(measured.values.get(name))


def _verdict(finding: Finding) -> str:
    """In brackets where the preset was never meant to meet it."""
    if finding.verdict is None:
        return _NOTHING
    return f"({finding.verdict.value})" if finding.why_not else finding.verdict.value


def _print_report(found: Realism, seconds: float) -> None:
    theirs = {} if found.theirs is None else {other.fact.key: other for other in found.theirs.findings}
    headings = ["", "fact", "value", "95 %", "verdict"]
    if theirs:
        headings.insert(4, "other")
    rows = []
    for finding in found.ours.findings:
        name = finding.shown
        interval = finding.measured.intervals.get(name) if finding.measured else None
        row = [
            finding.fact.key,
            finding.fact.name,
            _value(finding, name),
            _NOTHING if interval is None else f"{_figure(interval.low, 2)} to {_figure(interval.high, 2)}",
            _verdict(finding),
        ]
        if theirs:
            row.insert(4, _value(theirs[finding.fact.key], name) if name else _NOTHING)
        rows.append(tuple(row))
    print_table(f"{found.ours.title}, facts", headings, rows, left=("fact", "verdict"))
    reasons = [f"{f.fact.key} {f.note}" for f in found.ours.findings if f.note.startswith("not measurable")]
    print_text("\n" + "\n".join(reasons))
    _print_account(found)
    if found.comparison is not None and found.theirs is not None:
        _print_distances(found)
        _print_told_apart(found)
    counts = ", ".join(f"{count} {verdict}" for verdict, count in found.ours.verdicts.items())
    print_text(f"\n{counts}. What each value is, and its band: --json, or the page of --out. {seconds:.1f} s.")


def _print_account(found: Realism) -> None:
    """What the preset that made the day owes, and what was never asked of it."""
    from lobsim.realism.reference import account_of, profile_of

    ours = found.ours
    if ours.reference is None:
        return
    account = account_of(ours.findings)
    print_text(f"\nPreset {ours.reference.preset}: {ours.reference.stands_for}.")
    for words, keys in (
        ("required, and not met", account.broken),
        ("meant, and missed", account.failed),
        ("missed, and never meant to be met (in brackets)", account.not_meant),
        ("outside", ours.reference.outside(profile_of(ours.day))),
    ):
        print_text(f"{words}: {', '.join(keys) or 'none'}")
    if found.theirs is not None and ours.reference.recordings:
        known = any(found.theirs.digest == one.digest for one in ours.reference.recordings)
        print_text(f"the other day is {'a' if known else 'no'} recording of its reference")


def _print_distances(found: Realism) -> None:
    comparison = found.comparison
    assert comparison is not None and found.theirs is not None
    rows = [_distance_row(score) for score in (*comparison.scores, *comparison.conditionals)]
    print_text("")
    print_table(
        f"Distance to {found.theirs.title}",
        ("score", "total variation", "its own halves", "Wasserstein-1", "own halves"),
        rows,
    )
    for name, one in comparison.summary.items():
        words = ", ".join(
            f"{word} {one[word]:.3f} ({one[f'{word}_interval'][0]:.3f} to {one[f'{word}_interval'][1]:.3f})"
            for word in ("mean", "median", "iqm")
        )
        print_text(f"{name.replace('_', ' ')} over {one['scores']} scores, 99 %: {words}")
    if comparison.responses is not None:
        low, high = comparison.responses.interval
        print_text(f"response curves: {comparison.responses.gap:.2f} ticks apart ({low:.2f} to {high:.2f})")
    for note in comparison.notes:
        print_text(note)


def _print_told_apart(found: Realism) -> None:
    told = found.told_apart
    if told is None:
        return
    if isinstance(told, str):
        print_text(f"discriminator: not measurable, because {told}")
        return
    words = [
        f"{one.area:.3f} ({one.low:.3f} to {one.high:.3f})" if one is not None else "n/a"
        for one in (told.days, told.floor)
    ]
    print_text(f"discriminator, area under ROC, 99 %: {words[0]}; the other day's own halves {words[1]}")


def _distance_row(score: ScoreDistance) -> tuple[str, ...]:
    if score.distance is None:
        return (score.name, _NOTHING, _NOTHING, _NOTHING, _NOTHING)
    floor = (None, None) if score.floor is None else score.floor
    return (
        score.name,
        f"{score.distance.total_variation:.3f}",
        _figure(floor[0]),
        f"{score.distance.wasserstein:.3f}",
        _figure(floor[1]),
    )
