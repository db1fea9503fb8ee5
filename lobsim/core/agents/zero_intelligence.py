"""Zero intelligence: the Santa Fe flow (Smith, Farmer, Gillemot, Krishnamurthy 2003).

Limit orders of one size come uniformly over the prices behind the opposite best quote, market orders at a constant rate, and every resting order dies at a constant
rate.  Rates are per side.  The window hangs on the opposite best: a fixed box of prices would make the rates of the sides differ.

Numbers: ALPHA lots per tick and second, MU lots per second, DELTA per second, SIGMA lots an order, WINDOW ticks.  Memory: the last best price of each side.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.agents.ladder import beside, remembered_best
from lobsim.core.agents.orders import send_cancel, send_limit, send_market
from lobsim.core.agents.picking import any_order_of
from lobsim.core.chance import draw_below, draw_uniform
from lobsim.core.jit import kernel

ALPHA = 0
MU = 1
DELTA = 2
SIGMA = 3
WINDOW = 4
NUMBERS = 5
LAST_BEST = 0
MEMORY = 2


@kernel
def zero_intelligence_rate(scene, index):
    """Events per second: orders of both sides, takers of both sides, and the death of each resting order."""
    agent = scene.crowd.agents[index]
    numbers = scene.crowd.numbers
    first = np.int64(agent["first"])
    sigma = numbers[first + SIGMA]
    entering = numbers[first + ALPHA] * numbers[first + WINDOW] / sigma
    taking = numbers[first + MU] / sigma
    return 2.0 * (entering + taking) + numbers[first + DELTA] * np.float64(agent["open_orders"])


@kernel
def act_zero_intelligence(scene, index):
    """One event: which one in proportion to its rate, then where."""
    agent = scene.crowd.agents[index]
    numbers = scene.crowd.numbers
    first = np.int64(agent["first"])
    sigma = np.int64(numbers[first + SIGMA])
    entering = numbers[first + ALPHA] * numbers[first + WINDOW] / numbers[first + SIGMA]
    taking = numbers[first + MU] / numbers[first + SIGMA]
    at = draw_uniform(agent) * zero_intelligence_rate(scene, index)
    if at < 2.0 * entering:
        side = np.int64(at >= entering)
        steps = 1 + draw_below(agent, np.int64(numbers[first + WINDOW]))
        opposite = remembered_best(scene, np.int64(agent["memory"]) + LAST_BEST + 1 - side, 1 - side)
        send_limit(scene, index, side, beside(side, opposite, steps), sigma)
    elif at < 2.0 * (entering + taking):
        send_market(scene, index, np.int64(at >= 2.0 * entering + taking), sigma)
    elif agent["open_orders"] > 0:
        send_cancel(scene, any_order_of(scene.crowd, index))
