"""The generator of a synthetic market: its random numbers, its tables, and rows that any price-time book would have given."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from lobsim import sample
from lobsim.core.book import BookSize, new_book
from lobsim.core.flow import generate
from lobsim.core.flow_state import FLOW, TABLES, TICK_QUANTA, Flow, between, draw, pick
from lobsim.types import Flag, Kind, Side, Status

_MASK = 2**64 - 1
_SPREAD = 0x9E3779B97F4A7C15
_BOOK_KINDS = (Kind.ADD, Kind.REDUCE, Kind.DELETE, Kind.EXECUTE)
_NOT_DRAWN = ("rate", "regime_rate", "regime_half", "open_half", "impact", "persistence")
_BETWEEN = ("hold_ns", "gap_ns", "reaction_ns", "pause_ns", "news", "near", "distance")


def slow_splitmix64(value: int) -> int:
    """The published algorithm in Python integers."""
    z = (value + _SPREAD) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def head_of(seed: int) -> np.void:
    """The one record a draw needs."""
    heads = np.zeros(1, FLOW)
    heads["seed"] = seed
    return heads[0]


def grown(flow: Flow) -> Flow:
    """A generator run to its end, with room made whenever it asks."""
    while (status := generate(flow)) != Status.DONE:
        flow = sample._roomier(flow, status)
    return flow


@pytest.fixture(scope="module")
def rows(limit: Callable[[int, int], int]) -> np.ndarray:
    """The first rows of the bundled day, as the generator writes them."""
    count = limit(20_000, 3000)
    return grown(sample._new_flow(sample.SEED, count)).events[:count]


class SlowBook:
    """Orders in arrival order, nothing else: obviously right, and slow."""

    def __init__(self) -> None:
        self.orders: dict[int, list[int]] = {}

    def best(self, side: int) -> int | None:
        """Best price of a side, or None."""
        prices = [price for its_side, price, _ in self.orders.values() if its_side == side]
        return (min if side else max)(prices, default=None)

    def first_at(self, side: int, price: int) -> int:
        """The oldest order at a price."""
        return next(name for name, order in self.orders.items() if order[:2] == [side, price])

    def apply(self, row: np.void) -> None:
        """Take in one row of the book."""
        name = int(row["order_id"])
        if row["kind"] == Kind.ADD:
            self.orders[name] = [int(row["side"]), int(row["price"]), int(row["size"])]
            return
        self.orders[name][2] -= int(row["size"])
        if row["kind"] == Kind.DELETE:
            assert 0 == self.orders[name][2]
        if self.orders[name][2] == 0:
            del self.orders[name]


def test_a_draw_is_the_published_hash_of_seed_and_counter() -> None:
    head = head_of(7)
    drawn = [int(draw(head, 62)) for _ in range(20)]
    start = slow_splitmix64(7)
    assert [slow_splitmix64((start + n) & _MASK) >> 2 for n in range(1, 21)] == drawn
    assert 20 == head["draws"]


@pytest.mark.parametrize("name", [name for name in TABLES._fields if name not in _NOT_DRAWN])
def test_a_table_is_a_distribution(name: str) -> None:
    table = getattr(TABLES, name)
    assert np.dtype(np.int64) == table.dtype
    assert 65536 == table[-1, 0]
    assert np.all(np.diff(table[:, 0]) > 0)
    if name in _BETWEEN or name.endswith("life_ns"):
        assert 0 == table[0, 0]
        assert np.all(np.diff(table[:, 1]) > 0)


def test_pick_gives_each_value_its_share(limit: Callable[[int, int], int]) -> None:
    table = np.array([(16384, 5), (49152, 7), (65536, 9)], np.int64)
    count = limit(20_000, 2000)
    head = head_of(1)
    values, counts = np.unique([pick(head, table) for _ in range(count)], return_counts=True)
    assert [5, 7, 9] == values.tolist()
    assert pytest.approx([0.25, 0.5, 0.25], abs=0.04) == counts / count


def test_between_goes_in_a_straight_line(limit: Callable[[int, int], int]) -> None:
    table = np.array([(0, 100), (32768, 200), (65536, 10**12)], np.int64)
    count = limit(20_000, 2000)
    head = head_of(1)
    values = np.array([between(head, table) for _ in range(count)])
    low = values[values < 200]
    assert 100 <= values.min() and values.max() < 10**12
    assert pytest.approx(0.5, abs=0.04) == len(low) / count
    assert pytest.approx(150, abs=3) == low.mean()
    assert pytest.approx(5e11, rel=0.05) == values[values >= 200].mean()


def test_little_room_to_begin_with_changes_nothing(rows: np.ndarray) -> None:
    flow = sample._new_flow(sample.SEED, 2500)
    tight = flow._replace(
        book=new_book(BookSize(orders=4, window=64, far=4, ids=4, timers=2)),
        timers=flow.timers[:2].copy(),
        reports=flow.reports[:2].copy(),
        events=flow.events[:2].copy(),
    )
    assert np.array_equal(rows[:2500], grown(tight).events[:2500])


def test_each_message_is_one_packet_at_its_own_instant(rows: np.ndarray) -> None:
    opening = int(np.sum(rows["flags"] & Flag.SNAPSHOT != 0))
    assert np.all(rows["ts_exchange"][:opening] == sample.SESSION_START_NS)
    assert np.all(rows["kind"][:opening] == Kind.ADD)
    last = rows["flags"] & Flag.LAST_IN_PACKET != 0
    assert np.array_equal(np.diff(rows["ts_exchange"]) > 0, last[:-1])
    assert np.array_equal(np.arange(len(rows)), rows["sequence"])


def quotes(rows: np.ndarray) -> Iterator[tuple[np.void, SlowBook, int | None, int | None]]:
    """Each row with the book, the bid and the ask before it."""
    book = SlowBook()
    for row in rows:
        yield row, book, book.best(Side.BUY), book.best(Side.SELL)
        if row["kind"] in _BOOK_KINDS:
            book.apply(row)


def test_rows_are_those_of_a_price_time_book(rows: np.ndarray) -> None:
    executed = 0
    for row, book, bid, ask in quotes(rows[:3000]):
        assert bid is None or ask is None or bid < ask
        if row["kind"] == Kind.EXECUTE:
            executed += 1
            best = (bid, ask)[row["side"]]
            assert best == row["price"]
            assert book.first_at(int(row["side"]), int(row["price"])) == row["order_id"]
    assert executed > 20


def test_hidden_executions_print_inside_the_spread(rows: np.ndarray) -> None:
    prices = []
    for row, _, bid, ask in quotes(rows):
        if row["kind"] == Kind.EXECUTE_HIDDEN:
            assert bid is not None and ask is not None and bid < row["price"] < ask
            assert 0 == row["order_id"]
            prices.append(int(row["price"]))
    between_ticks = [price for price in prices if price % TICK_QUANTA]
    assert between_ticks
    assert all(price % TICK_QUANTA == TICK_QUANTA // 2 for price in between_ticks)


def test_executions_of_one_market_order_share_a_match_id_and_a_taker(rows: np.ndarray) -> None:
    visible = rows[rows["kind"] == Kind.EXECUTE]
    assert np.all(rows["match_id"][~np.isin(rows["kind"], (Kind.EXECUTE, Kind.EXECUTE_HIDDEN))] == 0)
    assert np.all(visible["flags"] & Flag.AGGRESSOR_KNOWN)
    takers = dict(zip(visible["match_id"].tolist(), visible["other_id"].tolist(), strict=True))
    assert [takers[match] for match in visible["match_id"].tolist()] == visible["other_id"].tolist()
    assert len(takers) == len(set(takers.values()))


def test_a_remainder_rests_in_the_packet_of_its_executions(rows: np.ndarray) -> None:
    after = np.flatnonzero((rows["kind"][1:] == Kind.ADD) & (rows["kind"][:-1] == Kind.EXECUTE)) + 1
    rests = [k for k in after if rows["ts_exchange"][k] == rows["ts_exchange"][k - 1]]
    for k in rests:
        assert rows[k]["order_id"] == rows[k - 1]["other_id"]
        assert rows[k]["side"] == 1 - rows[k - 1]["side"]
    if len(rows) >= 20_000:
        assert rests
