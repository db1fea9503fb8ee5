"""The one way in: an algorithm sees a view and its open orders, and answers with commands.

Schedules, a user's own strategy and later a trained policy all go through ``on_wake``::

    class JoinTheBid:
        '''Rest at the near touch, a hundred lots at a time.'''

        def on_wake(self, view, orders):
            yield WakeAt(view.now_ns + 1_000_000_000)
            for order in orders:
                if order.price_ticks != view.near_ticks:
                    yield Cancel(order.order)
            if not orders and view.near_ticks is not None:
                yield Limit(price_ticks=view.near_ticks, size_lots=100)

An algorithm wakes at its parent's start, whenever it asked to (``WakeAt``), and, if its attributes ``wake_on_reports`` or ``wake_on_touch`` are true,
when it hears about its orders or when the touch it sees has changed.  It is asked nothing after the parent's end.

The desk keeps every algorithm to its parent (``execution.core.desk``): orders are on the parent's side, and commands are cut to what is left to do, to
the parent's limit price and to its largest share of volume.  docs/algorithms.md tells the same with an example to run.

A compiled algorithm is a function ``on_wake(view, orders, state, commands) -> count`` under ``@numba.njit`` with the explicit
signature `compiled_signature`, wrapped in `CompiledAlgorithm`; it reads VIEW and LIVE records and writes COMMAND records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import index
from typing import Any, Protocol, runtime_checkable

import numpy as np

from execution.core import state
from execution.core.desk import list_levels
from execution.core.state import COMMAND, LIVE, VIEW
from execution.parent import Parent
from lobsim.core.state import World
from lobsim.errors import ConfigError
from lobsim.types import NONE, NONE_PRICE, Phase, Side, TimeInForce


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit order; ``expire_ns`` is the time limit of GTD.  The side is the parent's: only an agent without a parent says one (`execution.agents`)."""

    price_ticks: int
    size_lots: int
    tif: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    expire_ns: int = 0
    side: Side | None = None


@dataclass(frozen=True, slots=True)
class Market:
    """A market order: what the book cannot fill is cancelled.  With a limit on the parent it goes no further than that; its side is that of a `Limit`."""

    size_lots: int
    side: Side | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Take an open order back."""

    order: int


@dataclass(frozen=True, slots=True)
class Replace:
    """Give an open order another price and open size; only a smaller size at the same price keeps its place.

    With tif IOC what cannot trade at once leaves; None keeps the time in force it has.
    """

    order: int
    price_ticks: int
    size_lots: int
    tif: TimeInForce | None = None


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Ask to be woken at a time (the earliest wish counts)."""

    time_ns: int


Command = Limit | Market | Cancel | Replace | WakeAt


@dataclass(frozen=True, slots=True)
class ChildOrder:
    """An open order as its owner knows it."""

    order: int
    side: Side
    price_ticks: int
    size_lots: int
    filled_lots: int
    acknowledged: bool
    leaving: bool
    """a cancel or replace is on its way"""

    @property
    def open_lots(self) -> int:
        """What may still trade."""
        return self.size_lots - self.filled_lots


class View:
    """What a participant knows at one decision: public data a feed leg old, its own orders as acknowledged.

    Prices are in ticks and None where a side is empty; sizes in lots; times in ns.
    """

    __slots__ = ("_record", "_world", "parent")

    def __init__(self, parent: Parent, world: World, record: Any) -> None:
        self.parent = parent
        self._world = world
        self._record = record

    def _price(self, name: str) -> int | None:
        value = int(self._record[name])
        return None if value == NONE_PRICE else value

    @property
    def now_ns(self) -> int:
        """Time of the decision."""
        return int(self._record["now_ns"])

    @property
    def best_bid_ticks(self) -> int | None:
        """Highest bid."""
        return self._price("bid_ticks")

    @property
    def best_ask_ticks(self) -> int | None:
        """Lowest offer."""
        return self._price("ask_ticks")

    @property
    def bid_lots(self) -> int:
        """Displayed at the best bid, own orders included."""
        return int(self._record["bid_lots"])

    @property
    def ask_lots(self) -> int:
        """Displayed at the best offer, own orders included."""
        return int(self._record["ask_lots"])

    @property
    def near_ticks(self) -> int | None:
        """Best price on the parent's own side: where a passive order joins."""
        return self.best_bid_ticks if self.parent.side == Side.BUY else self.best_ask_ticks

    @property
    def far_ticks(self) -> int | None:
        """Best price on the other side: where an order trades at once."""
        return self.best_ask_ticks if self.parent.side == Side.BUY else self.best_bid_ticks

    @property
    def join_ticks(self) -> int | None:
        """Where a passive order of this parent stands: the near touch, or the parent's limit where that is further back."""
        near = self.near_ticks
        if near is None:
            return None
        limit = int(self._record["limit_ticks"])
        return min(near, limit) if self.parent.side == Side.BUY else max(near, limit)

    @property
    def last_ticks(self) -> int | None:
        """Price of the last trade heard of, None before the first."""
        return int(self._record["last_ticks"]) or None

    @property
    def volume_lots(self) -> int:
        """Traded in the market since the parent began, own volume included."""
        return int(self._record["volume_lots"])

    @property
    def others_volume_lots(self) -> int:
        """Traded by others since the parent began."""
        return int(self._record["volume_lots"]) - int(self._record["own_volume_lots"])

    @property
    def executed_lots(self) -> int:
        """Own fills heard of."""
        return int(self._record["executed_lots"])

    @property
    def working_lots(self) -> int:
        """Own quantity that may still trade."""
        return int(self._record["working_lots"])

    @property
    def remaining_lots(self) -> int:
        """Left of the parent."""
        return self.parent.size_lots - self.executed_lots

    @property
    def trading(self) -> bool:
        """Whether the venue trades continuously."""
        return int(self._record["phase"]) == Phase.CONTINUOUS

    def levels(self, side: Side, count: int = 10) -> np.ndarray:
        """The best levels of a side.  Returns int64 [at most count, 2]: price in ticks, lots."""
        out = np.zeros((count, 2), np.int64)
        return out[: list_levels(self._world, int(side), out)]


@runtime_checkable
class Algorithm(Protocol):
    """Anything with an ``on_wake``.  ``wake_on_reports`` and ``wake_on_touch`` are optional attributes, false if absent."""

    def on_wake(self, view: View, orders: Sequence[ChildOrder]) -> Iterable[Command]:
        """Decide: commands are carried out in their order."""
        ...


def compiled_signature() -> Any:
    """The Numba signature of a compiled ``on_wake(view, orders, state, commands) -> count``.

    view VIEW [1], orders LIVE [open orders], state float64 [any] (the algorithm's own memory), commands COMMAND [any]
    """
    from numba import float64, from_dtype, int64

    def array(dtype: np.dtype) -> Any:
        return from_dtype(dtype)[::1]

    return int64(array(VIEW), array(LIVE), float64[::1], array(COMMAND))


@dataclass
class CompiledAlgorithm:
    """A decision function under ``@numba.njit`` with an explicit signature, and its memory.

    One object serves one run: its memory is its own.

    Raises ConfigError for a function without a compiled signature: compiling at the first decision would be part of what is measured.
    """

    decide: Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], int]
    state: np.ndarray
    """float64, the algorithm's own numbers between decisions"""
    wake_on_reports: bool = False
    wake_on_touch: bool = False
    most_commands: int = 64

    def __post_init__(self) -> None:
        signatures = getattr(self.decide, "signatures", None)
        if signatures is not None and len(signatures) == 0:
            raise ConfigError(
                "the compiled algorithm has no explicit signature",
                where="algorithm",
                hint="decorate it with numba.njit(execution.algorithm.compiled_signature())",
            )
        self.state = np.ascontiguousarray(self.state, np.float64)
        self.commands = np.zeros(self.most_commands, COMMAND)

    def answer(self, view: np.ndarray, orders: np.ndarray) -> int:
        """One decision, its commands in ``commands``.  Returns how many.

        view, orders  VIEW [1], LIVE [open orders]

        Raises ConfigError for a count that cannot be.
        """
        self.commands[:] = 0
        count = int(self.decide(view, orders, self.state, self.commands))
        if not 0 <= count <= len(self.commands):
            raise ConfigError(
                f"the compiled algorithm answered with {count} commands, 0 to {len(self.commands)} fit",
                where="algorithm",
                hint="raise most_commands",
            )
        return count


def _whole(command: object, name: str) -> int:
    """A field of a command as a 64-bit integer; a float is refused, not cut."""
    try:
        value = index(getattr(command, name))
    except TypeError:
        raise ConfigError(
            f"{name} of {command!r} is no whole number", where="on_wake", hint="prices are in ticks, sizes in lots"
        ) from None
    if not -(2**63) <= value < 2**63:
        raise ConfigError(f"{name} of {command!r} does not fit 64 bits", where="on_wake")
    return value


def write_commands(commands: Iterable[Command] | None, side: Side | None = None) -> np.ndarray:
    """Commands as COMMAND records; None is no command.

    side  of the parent, None if nobody asks

    Raises ConfigError for something that is no command, for a field that is no whole number, or for an order on the other side.
    """
    wanted = list(commands or ())
    for command in wanted:
        if side is not None and getattr(command, "side", None) not in (None, side):
            raise ConfigError(f"{command!r} is not on the parent's side", where="on_wake", hint="leave the side out")
    out = np.zeros(len(wanted), COMMAND)
    for record, command in zip(out, wanted, strict=True):
        match command:
            case Limit():
                record["kind"] = state.LIMIT
                record["price_ticks"], record["size_lots"] = (
                    _whole(command, "price_ticks"),
                    _whole(command, "size_lots"),
                )
                record["tif"], record["post_only"] = _whole(command, "tif"), bool(command.post_only)
                record["time_ns"] = _whole(command, "expire_ns")
            case Market():
                record["kind"], record["size_lots"] = state.MARKET, _whole(command, "size_lots")
            case Cancel():
                record["kind"], record["order"] = state.CANCEL, _whole(command, "order")
            case Replace():
                record["kind"], record["order"] = state.REPLACE, _whole(command, "order")
                record["price_ticks"], record["size_lots"] = (
                    _whole(command, "price_ticks"),
                    _whole(command, "size_lots"),
                )
                record["tif"] = NONE if command.tif is None else _whole(command, "tif")
            case WakeAt():
                record["kind"], record["time_ns"] = state.WAKE_AT, _whole(command, "time_ns")
            case _:
                raise ConfigError(
                    f"{command!r} is no command", where="on_wake", hint="yield Limit, Market, Cancel, ..."
                )
    return out
