"""A recorded day in the same book as a crowd: history goes on row by row, and meets the crowd's orders as it meets own ones (docs/rules.md, section 2).

Known limits: orders only (L3), and impact REMATCH; the ids of the recording leave room above them for those of the crowd.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from lobsim.config import MarketConfig
from lobsim.core.state import World
from lobsim.errors import ConfigError, DataError
from lobsim.feeds.schema import Dataset, DatasetInfo
from lobsim.latency import Latency
from lobsim.market import Market, MarketRun
from lobsim.types import Fidelity, Impact, Phase

_LARGEST_ID = 2**61


class RecordedTape:
    """A data set made ready to be part of a simulated market.

    dataset  orders (L3), whole or cut to some levels
    config   how history meets the crowd's orders, and a participant's

    Raises ConfigError for a data set of levels, or an impact other than REMATCH; DataError for order ids that leave no room above them.
    """

    def __init__(self, dataset: Dataset, config: MarketConfig) -> None:
        if dataset.info.fidelity not in (Fidelity.L3_FULL, Fidelity.L3_TOP_K):
            raise ConfigError(
                f"the tape is {dataset.info.fidelity.name}, and a crowd trades beside recorded orders",
                where="simulation",
                hint="take a data set of orders (L3)",
            )
        if config.impact_for(dataset.info.fidelity) != Impact.REMATCH:
            raise ConfigError("beside a tape the impact is rematch", where="simulation", hint="leave the impact out")
        self.market = Market(dataset, config)
        tape = self.market.tape
        self.last_id = max(1, int(tape["order_id"].max()), int(tape["other_id"].max()))
        """no recorded order has a higher number"""
        if self.last_id > _LARGEST_ID:
            raise DataError(
                "the order ids leave no room above them for those of a crowd",
                field="order_id",
                file=dataset.info.source,
            )

    def _stands(self, run: MarketRun) -> bool:
        """Whether the book has two sides that do not cross, in continuous trading."""
        bid, ask = run.world.book.sides
        both = bid["best"] != 0 and ask["best"] != 0
        return both and -bid["best_key"] < ask["best_key"] and run.world.head[0]["phase"] == Phase.CONTINUOUS

    @cached_property
    def opening(self) -> tuple[int, int]:
        """The first instant of the session after which the book stands, and its middle then in ticks (rounded down).

        Raises DataError where it never does.
        """
        run = self.market.start(participant=False)
        run.advance(self.market.dataset.info.session_start_ns)
        while not self._stands(run):
            done = int(run.world.head[0]["cursor"])
            if done == len(self.market.tape):
                raise DataError("the recorded book never has two sides", file=self.market.dataset.info.source)
            run.advance_rows(done + 1)
            run.advance(run.now_ns)
        bid, ask = run.world.book.sides
        return run.now_ns, int(ask["best_key"] - bid["best_key"]) // 2

    def start(self, participant: bool, latency: Latency | None) -> World:
        """The world at the opening, before anybody but history has acted."""
        run = self.market.start(participant=True, latency=latency)
        run.world.head["publish"] = int(participant)
        run.advance(self.opening[0])
        return run.world

    def info(self, name: str, digest: str, seed: int, duration_ns: int | None) -> DatasetInfo:
        """Description of the day that comes of it.

        name, digest  of the preset;  duration_ns  from the opening, instead of to the end of the recorded session
        """
        recorded = self.market.dataset.info
        begin_ns = self.opening[0]
        return replace(
            recorded,
            fidelity=Fidelity.L3_FULL,
            depth=0,
            session_start_ns=begin_ns,
            session_end_ns=recorded.session_end_ns if duration_ns is None else begin_ns + duration_ns,
            source=f"{name}-{seed}-beside-{recorded.source}",
            source_sha256="",
            notes=(f"simulated: preset {name}, {digest[:16]}, seed {seed}, beside {recorded.source}",),
        )
