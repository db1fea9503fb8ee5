"""A market maker that quotes a share of the volume, as in ABIDES (Byrd, Hybinette, Balch 2020).

It wakes at random, withdraws everything and quotes anew around the middle it sees (or the last one it saw): LEVELS orders a side, the best half a smoothed spread S away, the others ``round(SPACING S)`` ticks apart.  Each has ``max(LEAST, round(SHARE volume))`` lots, the
volume being what has been traded since it woke last.  With PRICE_SKEW the middle is moved towards whoever was aggressive, with SIZE_SKEW the size is split by ``1 / (1 + e^(-SIZE_SKEW position))`` to the sell side.  BACKSTOP lots stand at the last level instead, if that is not 0.
When the book becomes one-sided (`imbalance`) it quotes once more without withdrawing.

S begins at 50 and follows the spread it sees: ``S <- ALPHA s + (1 - ALPHA) S``.  In ABIDES the volume is that of the last mean wait; over many wakes that is the same.

Numbers: WAIT_NS mean, SHARE, LEVELS, LEAST lots, SPACING, ALPHA, SIZE_SKEW, PRICE_SKEW ticks (0: none), BACKSTOP lots.
Memory: SPREAD, MIDDLE (HAS_MIDDLE 1 if there is one), volume BOUGHT and SOLD at its last wake, BUY_LOTS and SELL_LOTS, and the trade IMBALANCE it last reckoned with.
"""

from __future__ import annotations

import math

import numpy as np

from lobsim.core.agents.orders import cancel_all, send_limit
from lobsim.core.agents.room import MOST_REQUESTS
from lobsim.core.agents.view import seen_touch
from lobsim.core.agents.waits import draw_wake, first_wake, nearest
from lobsim.core.arithmetic import exponential
from lobsim.core.jit import kernel
from lobsim.types import NONE_PRICE, Side

WAIT_NS = 0
SHARE = 1
LEVELS = 2
LEAST = 3
SPACING = 4
ALPHA = 5
SIZE_SKEW = 6
PRICE_SKEW = 7
BACKSTOP = 8
NUMBERS = 9
SPREAD = 0
MIDDLE = 1
HAS_MIDDLE = 2
BOUGHT = 3
SOLD = 4
BUY_LOTS = 5
SELL_LOTS = 6
IMBALANCE = 7
MEMORY = 8
FIRST_SPREAD = 50.0


@kernel
def _note_volume(crowd, index, touch):
    """What has been traded since it looked last: the sizes of its orders, and who was aggressive."""
    agent = crowd.agents[index]
    first = np.int64(agent["first"])
    start = np.int64(agent["memory"])
    memory = crowd.memory
    bought = touch["bought_lots"] - memory[start + BOUGHT]
    sold = touch["sold_lots"] - memory[start + SOLD]
    memory[start + BOUGHT] = touch["bought_lots"]
    memory[start + SOLD] = touch["sold_lots"]
    memory[start + IMBALANCE] = 2.0 * bought / (bought + sold) - 1.0 if bought + sold > 0.0 else 0.0
    lots = np.float64(nearest(crowd.numbers[first + SHARE] * (bought + sold)))
    skew = crowd.numbers[first + SIZE_SKEW]
    least = crowd.numbers[first + LEAST]
    buying = lots
    selling = lots
    if skew != 0.0:
        share = 1.0 / (1.0 + exponential(-skew * np.float64(agent["known_lots"])))
        buying = math.floor((1.0 - share) * lots)
        selling = math.ceil(share * lots)
    memory[start + BUY_LOTS] = max(buying, least)
    memory[start + SELL_LOTS] = max(selling, least)


@kernel
def _note_spread(crowd, index, touch):
    """The middle and the spread, where both sides are there."""
    if touch["bid_ticks"] == NONE_PRICE or touch["ask_ticks"] == NONE_PRICE:
        return
    start = np.int64(crowd.agents[index]["memory"])
    alpha = crowd.numbers[np.int64(crowd.agents[index]["first"]) + ALPHA]
    spread_ticks = np.float64(touch["ask_ticks"] - touch["bid_ticks"])
    crowd.memory[start + SPREAD] = alpha * spread_ticks + (1.0 - alpha) * crowd.memory[start + SPREAD]
    crowd.memory[start + MIDDLE] = np.float64((touch["bid_ticks"] + touch["ask_ticks"]) >> 1)
    crowd.memory[start + HAS_MIDDLE] = 1.0


@kernel
def _quote(scene, index):
    """Its ladder around the middle it knows, best prices first; nothing before it knows one."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    first = np.int64(agent["first"])
    start = np.int64(agent["memory"])
    memory = crowd.memory
    if memory[start + HAS_MIDDLE] == 0.0:
        return
    spread = memory[start + SPREAD]
    middle = memory[start + MIDDLE] + memory[start + IMBALANCE] * crowd.numbers[first + PRICE_SKEW]
    middle_ticks = np.int64(math.floor(middle))
    bid_ticks = middle_ticks - np.int64(math.floor(0.5 * spread))
    ask_ticks = middle_ticks + np.int64(math.ceil(0.5 * spread))
    step_ticks = max(nearest(crowd.numbers[first + SPACING] * spread), 1)
    levels = np.int64(crowd.numbers[first + LEVELS])
    backstop = np.int64(crowd.numbers[first + BACKSTOP])
    for level in range(levels):
        instead = backstop if level == levels - 1 else np.int64(0)
        lots = instead if instead > 0 else np.int64(memory[start + BUY_LOTS])
        send_limit(scene, index, Side.BUY, bid_ticks - level * step_ticks, lots)
    for level in range(levels):
        instead = backstop if level == levels - 1 else np.int64(0)
        lots = instead if instead > 0 else np.int64(memory[start + SELL_LOTS])
        send_limit(scene, index, Side.SELL, ask_ticks + level * step_ticks, lots)


@kernel
def act_market_maker(scene, index):
    """Everything withdrawn, and quoted anew."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    wait_ns = crowd.numbers[np.int64(agent["first"]) + WAIT_NS]
    if agent["wakes"] == 1:
        first_wake(scene, index)
        crowd.memory[np.int64(agent["memory"]) + SPREAD] = FIRST_SPREAD
        return draw_wake(scene, index, wait_ns)
    cancel_all(scene, index)
    seen = seen_touch(scene, index)
    if seen >= 0:
        _note_volume(crowd, index, crowd.touches[seen])
        _note_spread(crowd, index, crowd.touches[seen])
    _quote(scene, index)
    return draw_wake(scene, index, wait_ns)


@kernel
def heed_imbalance(scene, index):
    """The book has become one-sided: the same quotes once more, unless it could then no longer withdraw all of them at one wake."""
    agent = scene.crowd.agents[index]
    orders = 2 * np.int64(scene.crowd.numbers[np.int64(agent["first"]) + LEVELS])
    if agent["open_orders"] + 2 * orders <= MOST_REQUESTS:
        _quote(scene, index)
