"""The market behind the bundled day in plain Python: an efficient price, takers in metaorders, quoters, on lists and dictionaries.

Written from the rules at the heads of the three families.  Laws are given as the preset has them; a time is a whole number of nanoseconds, a price that is thought a whole number of 2^-16 ticks.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any

from lobsim.types import Kind
from tests.oracle.agents.flow_market import Draws, FlowMarket, Order

TICK = 65536
EXPONENTIAL = (
    (0, 0), (3196, 3277), (6237, 6554), (11880, 13107), (19354, 22938), (25786, 32768), (34579, 49152), (41427, 65536),
    (50913, 98304), (56667, 131072), (62273, 196608), (64808, 294912), (65476, 458752), (65536, 720896),
)  # fmt: skip

Law = Sequence[tuple[int, int]]


def scaled(law: Law) -> Law:
    """Cumulative weights in 2^-16."""
    return [(65536 * weight // law[-1][0], value) for weight, value in law]


def exponential(mean_ns: int) -> Law:
    """The exponential law, as a table."""
    return [(share, mean_ns * value >> 16) for share, value in EXPONENTIAL]


def hundredths(part: int) -> int:
    """Hundredths of a tick in 2^-16 tick."""
    return part * TICK // 100


class Drawing(Draws):
    """Draws from tables."""

    def bits(self, bits: int) -> int:
        return self.word() >> (64 - bits)

    def happens(self, part: int) -> bool:
        return self.bits(10) < part

    def pick(self, law: Law) -> int:
        at = self.bits(16)
        return next(value for share, value in law if at < share)

    def between(self, law: Law) -> int:
        at, fraction = self.bits(16), self.bits(16)
        place = next(k for k in range(1, len(law)) if at < law[k][0])
        (low_share, low), (high_share, high) = law[place - 1], law[place]
        width, step = high_share - low_share, high - low
        part = ((at - low_share) << 16) + fraction
        return low + ((step // width * part + step % width * part // width) >> 16)


class SlowDay:
    """All three at one venue.  price, takers, quoters: the fields of the preset's entries; seed, begin_ns, open_ns, start_ticks: of the market"""

    def __init__(
        self, price: Any, takers: Any, quoters: Any, *, seed: int, begin_ns: int, open_ns: int, start_ticks: int
    ) -> None:
        self.market = FlowMarket()
        self.price = SlowPrice(self, price, Drawing(seed, 0), start_ticks)
        self.takers = SlowTakers(self, takers, Drawing(seed, 1))
        self.quoters = SlowQuoters(self, quoters, Drawing(seed, 2))
        self.open_ns = open_ns
        self.market.now_ns = begin_ns
        self.notes: list[tuple[int, int, str, int, Order | None]] = []
        self.asked = 0
        self.due = [begin_ns + 1] * 3

    def remind(self, after_ns: int, step: str, side: int, order: Order | None = None) -> None:
        self.asked += 1
        heapq.heappush(self.notes, (self.market.now_ns + after_ns, self.asked, step, side, order))

    def run(self, until_ns: int) -> None:
        agents = (self.price, self.takers, self.quoters)
        for agent in agents:  # the clocks of flows are wound, though these do not need them
            agent.draws.begin_event()
            agent.draws.word()
        while True:
            flow = min(range(3), key=lambda index: self.due[index])
            now_ns = min(self.due[flow], self.notes[0][0] if self.notes else self.due[flow])
            if now_ns > until_ns:
                return
            self.market.now_ns = now_ns
            if self.due[flow] == now_ns:
                agents[flow].draws.begin_event()
                self.due[flow] = agents[flow].act()
                agents[flow].draws.word()
            else:
                _, _, step, side, order = heapq.heappop(self.notes)
                self.quoters.draws.begin_event()
                self.quoters.recall(step, side, order)
            self.price.learn()
            self.quoters.follow()
            self.quoters.look()


class SlowPrice:
    """The efficient price, and how busy it is."""

    def __init__(self, day: SlowDay, fields: Any, draws: Drawing, start_ticks: int) -> None:
        self.day, self.fields, self.draws = day, fields, draws
        self.fair = start_ticks * TICK + TICK // 2
        self.regime = self.drift = self.pushed = 0
        self.regime_until: int | None = None
        self.news_at: int | None = None
        self.seen = (0, 0)
        self.sums = [0] * len(fields.forgetting)

    @property
    def piece(self) -> int:
        return max(0, (self.day.market.now_ns - self.day.open_ns) // (300 * 10**9))

    @property
    def rate(self) -> int:
        by_time = self.fields.rate[min(self.piece, len(self.fields.rate) - 1)]
        return max(1, by_time * self.fields.regime_rate[self.regime] // 1024)

    def act(self) -> int:
        now_ns = self.day.market.now_ns
        fields, draws = self.fields, self.draws
        if self.regime_until is None or now_ns >= self.regime_until:
            self.regime, self.drift = draws.pick(scaled(fields.regime)), draws.pick(scaled(fields.drift))
            self.regime_until = now_ns + 1 + draws.between(scaled(fields.hold))
        if self.news_at is None or now_ns >= self.news_at:
            if self.news_at is not None:
                move = draws.between(scaled([(weight, hundredths(part)) for weight, part in fields.news]))
                sign = 1 if draws.bits(1) == 0 else -1
                back = self.pushed * fields.coming_back >> 10
                self.pushed -= back
                self.fair += self.drift + sign * move - back
            self.news_at = now_ns + 1 + 1024 * draws.between(exponential(fields.news_gap)) // self.rate
        return min(self.regime_until, self.news_at)

    def learn(self) -> None:
        market = self.day.market
        net = market.bought - self.seen[0] - (market.sold - self.seen[1])
        self.seen = market.bought, market.sold
        if net == 0:
            return
        sign = 1 if net > 0 else -1
        expected = sum(w * s for w, s in zip(self.fields.expectation, self.sums, strict=True)) >> 20
        lots = self.fields.impact_lots + min(abs(net), self.fields.impact_most_lots)
        move = (sign * 1024 - expected) * lots * self.fields.impact >> 10
        self.fair += move
        self.pushed += move * self.fields.passing >> 10
        self.sums = [s + ((sign * 2**20 - s) >> n) for s, n in zip(self.sums, self.fields.forgetting, strict=True)]


class SlowTakers:
    """Everybody who takes."""

    def __init__(self, day: SlowDay, fields: Any, draws: Drawing) -> None:
        self.day, self.fields, self.draws = day, fields, draws
        self.left = [0] * fields.live
        self.facts = [(0, 0, 0)] * fields.live
        self.present = 0
        self.done: list[tuple[int, int, int, int, int]] = []
        """side, begin and end (ns), lots, market orders of each metaorder that has ended"""
        self.looked = False

    def act(self) -> int:
        now_ns, fields, draws = self.day.market.now_ns, self.fields, self.draws
        if self.looked:
            self._go_on(now_ns)
        self.looked = True
        if draws.happens(fields.at_once):
            return now_ns + 1 + draws.between(scaled(fields.pause))
        return now_ns + 1 + 1024 * draws.between(exponential(fields.gap)) // self.day.price.rate

    def _go_on(self, now_ns: int) -> None:
        draws = self.draws
        if not draws.happens(self.fields.stays):
            self.present = draws.below(self.fields.live)
        present = self.present
        if self.left[present] == 0:
            length = draws.pick(scaled(self.fields.length))
            self.left[present] = length if draws.bits(1) == 0 else -length
            self.facts[present] = (now_ns, 0, 0)
        side = 0 if self.left[present] > 0 else 1
        size = self._take(side)
        if size:
            self.left[present] -= 1 - 2 * side
            began_ns, lots, children = self.facts[present]
            self.facts[present] = (began_ns, lots + size, children + 1)
            if self.left[present] == 0:
                self.done.append((side, began_ns, now_ns, lots + size, children + 1))

    def _take(self, side: int) -> int:
        market, fields, draws = self.day.market, self.fields, self.draws
        bid, ask = market.best(0), market.best(1)
        if bid is None or ask is None:
            return 0
        best = bid if side else ask
        shown = market.lots(1 - side, best)
        size, further = draws.pick(scaled(fields.size)), 0
        manner = draws.bits(10)
        if manner < fields.takes_all and shown <= 4 * size:
            size = shown
        elif manner < 1024 - fields.takes_further:
            size = min(size, shown)
        else:
            further = draws.bits(2)
        luck = draws.bits(10)
        if luck < fields.all_hidden:
            self._hidden(1 - side, size, bid, ask)
            return size
        if luck < fields.all_hidden + fields.part_hidden:
            self._hidden(1 - side, min(size, draws.pick(scaled(fields.size))), bid, ask)
        market.numbers += 1
        order = Order(market.numbers, 1, side, 0, size)
        market._take(order, best - further if side else best + further)
        return size

    def _hidden(self, side: int, lots: int, bid: int, ask: int) -> None:
        """A price of half a tick is written at the worse tick for who rested."""
        market, spread = self.day.market, ask - bid
        halves = 2 * bid + spread
        if spread > 1 and not self.draws.happens(self.fields.at_mid):
            halves = 2 * (bid + 1 + self.draws.below(spread - 1))
        market.matches += 1
        price = -(-halves // 2) if side else halves // 2
        market.rows.append((market.now_ns, int(Kind.EXECUTE_HIDDEN), side, price, lots, 0, 0, market.matches))
        if side:
            market.bought += lots
        else:
            market.sold += lots


class SlowQuoters:
    """Everybody who quotes."""

    def __init__(self, day: SlowDay, fields: Any, draws: Drawing) -> None:
        self.day, self.fields, self.draws = day, fields, draws
        self.opened = 0
        self.coming: set[tuple[str, int]] = set()
        self.seen = (0, 0)

    def _fair_of(self, side: int) -> int:
        """Folded: the lower the better for a seller, the higher for a buyer, so its negative."""
        return self.day.price.fair if side else -self.day.price.fair

    def _best_of(self, side: int) -> int | None:
        best = self.day.market.best(side)
        return None if best is None else best if side else -best

    @property
    def _half(self) -> int:
        fields, price = self.fields, self.day.price
        opening = fields.open_half_spread
        return hundredths(fields.half_spread[price.regime]) + hundredths(opening[min(price.piece, len(opening) - 1)])

    def _life_ns(self, distance: int) -> int:
        fields = self.fields
        law = fields.near_life if distance <= 1 else fields.middle_life if distance <= 5 else fields.far_life
        return self.draws.between(scaled(law)) // self.day.price.rate * 1024

    def _quote(self, side: int, distance: int) -> None:
        market, draws = self.day.market, self.draws
        error = (2 * draws.bits(16) - TICK) * hundredths(self.fields.error) // TICK
        opinion = self._fair_of(side) + self._half + error
        key = -(-opinion // TICK) + distance
        other = self._best_of(1 - side)
        if other is not None:
            key = max(key, 1 - other)
        size, life_ns = draws.pick(scaled(self.fields.size)), self._life_ns(distance)
        price = key if side else -key
        market.limit(2, side, price, size)
        self.day.remind(life_ns, "cancel", side, market.queues[side, price][-1])

    def _soon(self, step: str, side: int) -> None:
        self.day.remind(self.draws.between(scaled(self.fields.reaction)), step, side)

    def act(self) -> int:
        now_ns = self.day.market.now_ns
        if self.opened < self.fields.opening:
            done = self.opened
            self.opened += 1
            self._quote(done % 2, done // 4)
            return now_ns + 1
        side = self.draws.bits(1)
        self._quote(side, self.draws.between(scaled(self.fields.distance)))
        rate = self.day.price.rate
        return now_ns + 1 + 1024 * self.draws.between(exponential(self.fields.gap)) // rate

    def recall(self, step: str, side: int, order: Order | None) -> None:
        self.coming.discard((step, side))
        if step == "cancel":
            assert order is not None
            self._end(order)
        elif step == "pull":
            self._pull(side)
        else:
            law = self.fields.near if step == "refill" else self.fields.distance
            self._quote(side, self.draws.between(scaled(law)))

    def _end(self, order: Order) -> None:
        market = self.day.market
        if order not in market.queues.get((order.side, order.price), []):
            return
        if order.lots > 1 and self.draws.happens(self.fields.halves):
            market.cancel(order, order.lots // 2)
            self.day.remind(self._life_ns(0), "cancel", order.side, order)
            return
        market.cancel(order)
        if self.draws.happens(self.fields.again):
            self._soon("quote", order.side)

    def _stale(self, side: int) -> bool:
        best = self._best_of(side)
        return best is not None and best * TICK < self._fair_of(side) + hundredths(self.fields.stale)

    def _pull(self, side: int) -> None:
        if self._stale(side):
            best = self.day.market.best(side)
            assert best is not None
            self.day.market.cancel(self.day.market.queues[side, best][-1])
            if self.draws.happens(self.fields.again_at_once):
                self._soon("quote", side)

    def follow(self) -> None:
        market = self.day.market
        net = market.bought - self.seen[0] - (market.sold - self.seen[1])
        self.seen = market.bought, market.sold
        if net and self.opened == self.fields.opening:
            taker = 0 if net > 0 else 1
            if self.draws.happens(self.fields.refilled):
                self._soon("refill", 1 - taker)
            if self.draws.happens(self.fields.followed):
                self._soon("quote", taker)

    def look(self) -> None:
        if self.opened < self.fields.opening:
            return
        for side in range(2):
            best = self._best_of(side)
            worth = self._fair_of(side) + self._half + hundredths(self.fields.missing)
            if ("pull", side) not in self.coming and self._stale(side):
                self.coming.add(("pull", side))
                self._soon("pull", side)
            if ("refill", side) not in self.coming and (best is None or best * TICK > worth):
                self.coming.add(("refill", side))
                self._soon("refill", side)
