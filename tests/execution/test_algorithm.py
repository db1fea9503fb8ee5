"""The protocol of algorithms: commands become records, the compiled form answers like the plain one, the documented examples run."""

from __future__ import annotations

import importlib.util
import re
import runpy
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from execution.algorithm import (
    Algorithm,
    Cancel,
    ChildOrder,
    Command,
    CompiledAlgorithm,
    Limit,
    Market,
    Replace,
    View,
    WakeAt,
    compiled_signature,
    write_commands,
)
from execution.core import state
from execution.core.state import COMMAND, LIVE, VIEW
from lobsim.errors import ConfigError
from lobsim.types import NONE, NONE_PRICE, Side, TimeInForce
from tests.execution import steady_market as made

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "algorithms.md"
LIVELY = made.lively(60, seed=5)
UNCOMPILED = bool(numba.config.DISABLE_JIT)


def plain(record: np.void) -> dict[str, int]:
    """The fields of a record that are not 0."""
    return {name: int(record[name]) for name in record.dtype.names if record[name]}  # type: ignore[union-attr]


# Commands


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (Limit(10, 3), {"kind": state.LIMIT, "price_ticks": 10, "size_lots": 3}),
        (
            Limit(-10, 3, TimeInForce.GTD, post_only=True, expire_ns=77),
            {"price_ticks": -10, "size_lots": 3, "tif": 3, "post_only": 1, "time_ns": 77},
        ),
        (Market(5), {"kind": state.MARKET, "size_lots": 5}),
        (Cancel(4), {"kind": state.CANCEL, "order": 4}),
        (Replace(4, 9, 2), {"kind": state.REPLACE, "order": 4, "price_ticks": 9, "size_lots": 2, "tif": NONE}),
        (
            Replace(4, 9, 2, TimeInForce.IOC),
            {"kind": state.REPLACE, "order": 4, "price_ticks": 9, "size_lots": 2, "tif": 1},
        ),
        (WakeAt(123), {"kind": state.WAKE_AT, "time_ns": 123}),
        (Market(np.int64(5)), {"kind": state.MARKET, "size_lots": 5}),  # type: ignore[arg-type]
    ],
)
def test_a_command_becomes_a_record(command: Command, expected: dict[str, int]) -> None:
    assert [{name: value for name, value in expected.items() if value}] == [plain(r) for r in write_commands([command])]


def test_commands_keep_their_order_and_none_means_none() -> None:
    assert [state.CANCEL, state.MARKET] == write_commands(iter([Cancel(1), Market(2)]))["kind"].tolist()
    assert 0 == len(write_commands(None)) == len(write_commands([]))


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (Limit(100.5, 3), "price_ticks of .* is no whole number; prices are in ticks"),  # type: ignore[arg-type]
        (Market(float("nan")), "size_lots of .* is no whole number"),  # type: ignore[arg-type]
        (Limit(None, 3), "price_ticks of .* is no whole number"),  # type: ignore[arg-type]
        (Limit(10**30, 3), "does not fit 64 bits"),
        ("buy", "'buy' is no command"),
    ],
)
def test_what_is_no_command_is_refused_in_one_sentence(command: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        write_commands([command])
    assert "\n" not in str(refused.value)


# What the view derives


def test_prices_of_an_empty_side_are_none() -> None:
    record = np.zeros(1, VIEW)
    record["bid_ticks"], record["ask_ticks"], record["limit_ticks"] = NONE_PRICE, 105, 103
    parent = made.parent_of(Side.BUY, 10, 1, 2)
    view = View(parent, None, record[0])  # type: ignore[arg-type]
    assert (None, None, None, 105, 105, None) == (
        view.best_bid_ticks,
        view.near_ticks,
        view.join_ticks,
        view.best_ask_ticks,
        view.far_ticks,
        view.last_ticks,
    )


@pytest.mark.parametrize(("side", "limit", "expected"), [(0, 103, 100), (0, 98, 98), (1, 103, 105), (1, 107, 107)])
def test_a_passive_order_joins_the_touch_or_stays_at_the_limit(side: int, limit: int, expected: int) -> None:
    record = np.zeros(1, VIEW)
    record["bid_ticks"], record["ask_ticks"], record["limit_ticks"] = 100, 105, limit
    view = View(made.parent_of(Side(side), 10, 1, 2), None, record[0])  # type: ignore[arg-type]
    assert expected == view.join_ticks


# Plain and compiled


def _lcg(state: float) -> float:
    return (state * 1103515245.0 + 12345.0) % 2147483648.0


class Churn:
    """Takes, joins, moves and cancels by a small generator whose state is a float, as in `churn_compiled`."""

    wake_on_reports = True
    wake_on_touch = True

    def __init__(self) -> None:
        self.draw = 1.0

    def on_wake(self, view: View, orders: Sequence[ChildOrder]) -> Iterable[Command]:
        self.draw = _lcg(self.draw)
        yield WakeAt(view.now_ns + 100_000_000 + int(self.draw) % 1_000_000_000)
        near = view.near_ticks
        if near is None:
            return
        choice = int(self.draw) % 7
        if choice == 0:
            yield Market(30)
        elif choice <= 3 or not orders:
            yield Limit(near - choice if view.parent.side == Side.BUY else near + choice, 70)
        elif choice <= 5:
            yield Replace(orders[0].order, near, orders[0].open_lots + 20)
        else:
            yield Cancel(orders[-1].order)


_lcg_compiled = numba.njit(numba.float64(numba.float64))(_lcg)


@numba.njit(compiled_signature())
def churn_compiled(view: Any, orders: Any, state: Any, commands: Any) -> Any:
    """`Churn`, compiled."""
    now = view[0]
    state[0] = _lcg_compiled(state[0])
    draw = np.int64(state[0])
    commands[0]["kind"] = 4
    commands[0]["time_ns"] = now["now_ns"] + 100_000_000 + draw % 1_000_000_000
    near = now["ask_ticks"] if now["side"] else now["bid_ticks"]
    if near == NONE_PRICE:
        return 1
    choice = draw % 7
    command = commands[1]
    if choice == 0:
        command["kind"] = 1
        command["size_lots"] = 30
    elif choice <= 3 or len(orders) == 0:
        command["kind"] = 0
        command["price_ticks"] = near + choice if now["side"] else near - choice
        command["size_lots"] = 70
    elif choice <= 5:
        command["kind"] = 3
        command["order"] = orders[0]["order"]
        command["price_ticks"] = near
        command["size_lots"] = orders[0]["size_lots"] - orders[0]["filled_lots"] + 20
        command["tif"] = -1
    else:
        command["kind"] = 2
        command["order"] = orders[len(orders) - 1]["order"]
    return 2


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("latency_ns", [0, 30_000_000])
def test_plain_and_compiled_forms_of_one_decision_give_the_same_fills(side: Side, latency_ns: int) -> None:
    market, parent = made.market_of(LIVELY, latency_ns), made.parent_of(side, 900, 2, 55)
    by_python = made.executed(market, parent, Churn())
    compiled = CompiledAlgorithm(churn_compiled, state=np.ones(1), wake_on_reports=True, wake_on_touch=True)
    by_machine = made.executed(market, parent, compiled)
    assert len(made.fills_of(by_python)) > 3
    assert made.fills_of(by_python).tobytes() == made.fills_of(by_machine).tobytes()
    assert made.orders_of(by_python).tobytes() == made.orders_of(by_machine).tobytes()


@pytest.mark.skipif(UNCOMPILED, reason="nothing is compiled")
def test_a_compiled_function_without_a_signature_is_refused() -> None:
    with pytest.raises(ConfigError, match="no explicit signature; decorate it with"):
        CompiledAlgorithm(numba.njit(lambda view, orders, state, commands: 0), state=np.zeros(1))


@pytest.mark.parametrize("count", [-1, 5])
def test_a_count_of_commands_that_cannot_be_is_refused(count: int) -> None:
    algorithm = CompiledAlgorithm(lambda view, orders, state, commands: count, state=np.zeros(1), most_commands=4)
    with pytest.raises(ConfigError, match=f"answered with {count} commands, 0 to 4 fit"):
        algorithm.answer(np.zeros(1, VIEW), np.zeros(0, LIVE))


def test_a_compiled_algorithm_finds_its_commands_empty_every_time() -> None:
    seen = []

    def decide(view: Any, orders: Any, state: Any, commands: np.ndarray) -> int:
        seen.append(bool((commands == np.zeros(len(commands), COMMAND)).all()))
        commands[0]["post_only"], commands[0]["order"] = 1, 9
        return 1

    algorithm = CompiledAlgorithm(decide, state=np.zeros(1))
    for _ in range(2):
        algorithm.answer(np.zeros(1, VIEW), np.zeros(0, LIVE))
    assert [True, True] == seen


# The documented examples


def documented(*wanted: str) -> str:
    """The code of those blocks of docs/algorithms.md that hold one of the words."""
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), flags=re.DOTALL)
    return "\n".join(block for block in blocks if any(word in block for word in wanted))


def run_documented(tmp_path: Path, *wanted: str) -> dict[str, Any]:
    """What those blocks define."""
    script = tmp_path / "documented.py"
    script.write_text(documented(*wanted), encoding="utf-8")
    return runpy.run_path(str(script))


@pytest.mark.parametrize("side", Side)
def test_the_documented_examples_run_and_agree(side: Side, tmp_path: Path) -> None:
    found = run_documented(tmp_path, "class JoinTheTouch", "def join_the_touch")
    by_hand = found["JoinTheTouch"]()
    assert isinstance(by_hand, Algorithm)
    market = made.market_of(LIVELY, 1_000_000)
    parent = made.parent_of(side, 700, 2, 55, limit_price_ticks=made.MID)
    python = made.executed(market, parent, by_hand)
    machine = made.executed(market, parent, found["compiled_maker"](parent, LIVELY.info))
    assert 0 < made.fills_of(python)["passive"].sum()
    assert made.fills_of(python).tobytes() == made.fills_of(machine).tobytes()


def test_the_documented_example_is_about_ten_lines() -> None:
    lines = [line for line in documented("class JoinTheTouch").splitlines() if line.strip()]
    assert len(lines) <= 13


@pytest.mark.skipif(importlib.util.find_spec("lobsim.sample") is None, reason="there is no bundled day yet")
@pytest.mark.skipif(UNCOMPILED, reason="a whole day takes minutes uncompiled")
def test_the_documented_comparison_runs_on_the_bundled_day(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = run_documented(tmp_path, "class JoinTheTouch", "bundled_day")["results"]
    assert ["mine", "twap"] == results["algo"].to_list()
    assert [2000.0, 2000.0] == results["filled"].to_list()
    assert "shortfall_bps" in capsys.readouterr().out
