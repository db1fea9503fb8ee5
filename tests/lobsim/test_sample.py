"""The bundled day and its level view: the same bytes again, a sound market, and two views that agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lobsim import projection, sample
from lobsim.errors import ConfigError, DataError
from lobsim.feeds.lobster import read_lobster
from lobsim.feeds.schema import COLUMNS, Dataset, validate
from lobsim.feeds.store import load
from lobsim.market import Market
from lobsim.simulation import load_preset
from lobsim.types import L2_SHIFT, NEVER, Fidelity, Flag, Kind, Side

GOOG = "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip"
_PRINTS = (int(Kind.EXECUTE), int(Kind.EXECUTE_HIDDEN), int(Kind.PRINT))


def first(dataset: Dataset, count: int) -> Dataset:
    """The first rows of a data set."""
    rows = None if dataset.rows is None else dataset.rows[:count]
    return replace(dataset, events=dataset.events.head(count), rows=rows)


@pytest.fixture(scope="module")
def day(limit: Callable[[int, int], int]) -> Dataset:
    """The bundled day, or its first rows where inputs must be small."""
    return first(sample.bundled_day(), limit(10**9, 3000))


@pytest.fixture(scope="module")
def levels(day: Dataset) -> Dataset:
    """Its level view."""
    return projection.to_levels(day)


def flagged(dataset: Dataset, flag: Flag) -> np.ndarray:
    """Which rows carry a flag."""
    return (dataset.events["flags"].to_numpy() & flag) != 0


def packet_ends(dataset: Dataset) -> np.ndarray:
    """Index of the last row of every exchange time."""
    ts_ns = dataset.events["ts_exchange"].to_numpy()
    return np.flatnonzero(np.append(ts_ns[1:] != ts_ns[:-1], True))


def touch_by_time(dataset: Dataset, shift: int = 0) -> dict[int, tuple[int, ...]]:
    """Exchange time -> the touch after its last row, in lots; only times that changed it."""
    ends = packet_ends(dataset)
    touch = projection.touch_of(dataset)[ends]
    touch[:, 1::2] >>= shift
    changed = np.append(True, np.any(touch[1:] != touch[:-1], axis=1))
    times = dataset.events["ts_exchange"].to_numpy()[ends]
    return {int(time): tuple(map(int, state)) for time, state in zip(times[changed], touch[changed], strict=True)}


def events(*rows: dict[str, int]) -> pl.DataFrame:
    """A canonical table from rows of the fields that matter."""
    blank = dict.fromkeys(COLUMNS, 0)
    full = [blank | {"ts_local": row["ts_exchange"], "sequence": k} | row for k, row in enumerate(rows)]
    return pl.DataFrame(full, schema=COLUMNS)


def told(dataset: Dataset) -> list[tuple[int, ...]]:
    """Time, kind, side, price and size of every row."""
    return dataset.events.select("ts_exchange", "kind", "side", "price", "size").rows()


def test_the_bundled_day_is_what_the_generator_makes_now(small: bool) -> None:
    bundled = sample.bundled_day()
    if small:
        assert bundled.events.head(3000).equals(sample.generate_day(limit=3000).events)
    else:
        made = sample.generate_day()
        assert bundled.digest == made.digest
        assert bundled.info == made.info


def test_the_bundled_day_carries_its_version_and_stays_small() -> None:
    root = Path(__file__).resolve().parents[2]
    files = [path for path in (root / "data" / sample.NAME).rglob("*") if path.is_file()]
    assert sample.NAME.endswith(f"-v{sample.VERSION}")
    assert f"version {sample.VERSION} " in sample.bundled_day().info.notes[-1]
    assert sum(path.stat().st_size for path in files) < 2_500_000


def test_the_listing_of_the_data_folder_names_the_digest() -> None:
    readme = Path(__file__).resolve().parents[2] / "data" / "README.md"
    assert sample.bundled_day().digest in readme.read_text(encoding="utf-8")


def test_a_seed_gives_the_same_day_and_a_limit_its_beginning() -> None:
    short, long = sample.generate_day(5, limit=700), sample.generate_day(5, limit=1500)
    assert 700 == len(short.events)
    assert short.events.equals(long.events.head(700))
    assert not short.events.equals(sample.generate_day(6, limit=700).events)
    validate(long)


@pytest.mark.parametrize(("wrong", "said"), [({"seed": 2**63}, "seed is "), ({"limit": 0}, "limit is 0")])
def test_a_seed_or_limit_out_of_range_is_refused(wrong: dict[str, int], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        sample.generate_day(**wrong)


def test_the_preset_behind_the_day_is_frozen() -> None:
    """Policies are trained on its days: another preset is another version of the bundled day."""
    preset = load_preset(sample.PRESET)
    assert preset.digest == sample.PRESET_DIGEST
    assert preset.digest[:16] in sample.bundled_day().info.notes[0]


def test_the_market_is_never_crossed_and_history_comes_out_even(day: Dataset) -> None:
    validate(day)
    check = Market(day).replay()
    assert (0, 0) == (check.crossed, check.unknown)
    run = Market(day).start(participant=False)
    run.advance(NEVER)
    book = run.world.book
    assert (0, 0) == (book.head[0]["surplus"], book.head[0]["deficit"])
    resting = day.events.filter(pl.col("kind") == Kind.ADD)["size"].sum()
    left = day.events.filter(pl.col("kind").is_in((int(Kind.REDUCE), int(Kind.DELETE), int(Kind.EXECUTE))))[
        "size"
    ].sum()
    assert resting - left == sum(int(book.nodes[slot]["size"]) for slot in _orders_of(book))


def _orders_of(book) -> list[int]:  # type: ignore[no-untyped-def]
    """Slots of every order in a book, by walking its used nodes."""
    free, slot = set(), int(book.head[0]["free"])
    while slot:
        free.add(slot)
        slot = int(book.nodes[slot]["next"])
    return [s for s in range(1, int(book.head[0]["fresh"])) if s not in free and book.nodes[s]["level"] != s]


def test_levels_show_the_same_touch_after_every_packet(day: Dataset, levels: Dataset) -> None:
    validate(levels)
    assert Fidelity.L2_TRADES == levels.info.fidelity
    assert touch_by_time(day) == touch_by_time(levels, L2_SHIFT)
    assert 0 == Market(levels).replay().crossed


def test_levels_show_the_whole_book(day: Dataset, levels: Dataset) -> None:
    sizes: dict[tuple[int, int], int] = defaultdict(int)
    taken = (Kind.REDUCE, Kind.DELETE, Kind.EXECUTE)
    for kind, side, price, size in day.events.select("kind", "side", "price", "size").rows():
        if kind == Kind.ADD or kind in taken:
            sizes[side, price] += size if kind == Kind.ADD else -size
    last = levels.events.filter(pl.col("kind") == Kind.LEVEL).unique(["side", "price"], keep="last")
    shown = {(side, price): size for side, price, size in last.select("side", "price", "size").rows() if size}
    assert {place: size for place, size in sizes.items() if size} == shown


def test_levels_carry_every_trade_in_order(day: Dataset, levels: Dataset) -> None:
    columns = ["ts_exchange", "side", "price", "size", "match_id"]
    traded = day.events.filter(pl.col("kind").is_in(_PRINTS)).select(columns)
    printed = levels.events.filter(pl.col("kind") == Kind.PRINT)
    assert len(traded) > 0
    assert traded.equals(printed.select(columns))
    assert np.all(printed["flags"].to_numpy() & Flag.AGGRESSOR_KNOWN)


def test_a_packet_of_levels_is_one_time_prints_first_and_its_end_is_flagged(levels: Dataset) -> None:
    assert np.array_equal(packet_ends(levels), np.flatnonzero(flagged(levels, Flag.LAST_IN_PACKET)))
    kind, ts_ns = levels.events["kind"].to_numpy(), levels.events["ts_exchange"].to_numpy()
    late = (kind[1:] == Kind.PRINT) & (kind[:-1] == Kind.LEVEL) & (ts_ns[1:] == ts_ns[:-1])
    assert not late.any()
    opening = flagged(levels, Flag.SNAPSHOT)
    assert np.array_equal(opening, ts_ns == ts_ns[0])
    assert np.all(kind[opening] == Kind.LEVEL)


def test_a_print_that_leaves_its_level_alone_is_followed_by_the_level_as_it_is(day: Dataset) -> None:
    buy, sell = int(Side.BUY), int(Side.SELL)
    table = events(
        {"ts_exchange": 1, "kind": Kind.ADD, "side": buy, "price": 1000, "size": 50, "order_id": 1},
        {"ts_exchange": 1, "kind": Kind.ADD, "side": sell, "price": 1100, "size": 70, "order_id": 2},
        {"ts_exchange": 2, "kind": Kind.EXECUTE_HIDDEN, "side": buy, "price": 1000, "size": 5},
        {"ts_exchange": 3, "kind": Kind.EXECUTE_HIDDEN, "side": sell, "price": 1050, "size": 6},
        {"ts_exchange": 4, "kind": Kind.EXECUTE, "side": sell, "price": 1100, "size": 70, "order_id": 2},
        {"ts_exchange": 4, "kind": Kind.ADD, "side": buy, "price": 1100, "size": 20, "order_id": 3},
        {"ts_exchange": 5, "kind": Kind.REDUCE, "side": buy, "price": 1000, "size": 10, "order_id": 1},
        {"ts_exchange": 6, "kind": Kind.ADD, "side": buy, "price": 900, "size": 1, "order_id": 4},
        {"ts_exchange": 6, "kind": Kind.DELETE, "side": buy, "price": 900, "size": 1, "order_id": 4},
    )
    expected = [
        (1, Kind.LEVEL, buy, 1000, 50),
        (1, Kind.LEVEL, sell, 1100, 70),
        (2, Kind.PRINT, buy, 1000, 5),
        (2, Kind.LEVEL, buy, 1000, 50),
        (3, Kind.PRINT, sell, 1050, 6),
        (3, Kind.LEVEL, sell, 1100, 70),
        (4, Kind.PRINT, sell, 1100, 70),
        (4, Kind.LEVEL, sell, 1100, 0),
        (4, Kind.LEVEL, buy, 1100, 20),
        (5, Kind.LEVEL, buy, 1000, 40),
    ]
    assert expected == told(projection.to_levels(Dataset(day.info, table)))


def test_levels_of_a_recording_cut_to_ten_show_its_own_book(shared: Path, limit: Callable[[int, int], int]) -> None:
    recorded = first(read_lobster(shared / "data" / "lobster" / GOOG), limit(10**9, 1500))
    projected = projection.to_levels(recorded)
    validate(projected)
    opening = flagged(projected, Flag.SNAPSHOT)
    assert opening.sum() >= 2 * recorded.info.depth
    assert np.all(projected.events["ts_exchange"].to_numpy()[opening] == projected.events["ts_exchange"][0])
    assert touch_by_time(recorded) == touch_by_time(projected, L2_SHIFT)


def test_levels_cannot_be_projected_again(levels: Dataset) -> None:
    with pytest.raises(ConfigError, match="L2_TRADES data has no orders"):
        projection.to_levels(levels)


def test_writing_the_day_gives_a_partition_with_the_same_digest(
    tmp_path: Path, small: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    if small:
        pytest.skip("a whole day takes minutes uncompiled")
    assert 0 == sample.main(["--write", str(tmp_path)])
    assert sample.bundled_day().digest in capsys.readouterr().out
    assert sample.bundled_day().digest == load(tmp_path / sample.NAME).digest


def test_a_missing_day_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "NAME", "LOBS-1999-01-01-v0")
    with pytest.raises(DataError, match="the bundled day is missing"):
        sample.bundled_day()
