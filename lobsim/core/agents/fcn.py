"""Fundamentalist, chartist and noise in one agent (Chiarella and Iori 2002; parameters as in PAMS).

It expects a return per step of ``r = (F ln(pf / p) / tf + C ln(p / p_T) / T + N s z) / (F + C + N)``, pf the fundamental value, p_T the price T steps ago, z normal, so a price of ``p e^(r T)`` after T steps.  If that is above the price it bids a margin k below it, else it asks k above.
Weights are drawn once, exponential; so are tf, T and k, uniform.  An order lives T steps; it is withdrawn at the agent's first wake after that.

Numbers: FUNDAMENTAL and HISTORY, indices of the agents that have them, STEP_NS, means F_MEAN, C_MEAN, N_MEAN, tf from REVERSION to REVERSION_MOST steps, NOISE s, T whole from WINDOW to WINDOW_MOST steps, k up to MARGIN_MOST, WAIT_NS mean, LOTS.
Memory: F, C, N, TF, T, K as drawn.
"""

from __future__ import annotations

import math

import numpy as np

from lobsim.core.agents.fundamental import fundamental_now
from lobsim.core.agents.orders import cancel_older, send_limit
from lobsim.core.agents.price_history import price_ago
from lobsim.core.agents.waits import draw_wake, first_wake
from lobsim.core.arithmetic import exponential, natural_log
from lobsim.core.chance import draw_below, draw_exponential, draw_normal, draw_uniform
from lobsim.core.jit import kernel
from lobsim.types import Side

FUNDAMENTAL = 0
HISTORY = 1
STEP_NS = 2
F_MEAN = 3
C_MEAN = 4
N_MEAN = 5
REVERSION = 6
REVERSION_MOST = 7
NOISE = 8
WINDOW = 9
WINDOW_MOST = 10
MARGIN_MOST = 11
WAIT_NS = 12
LOTS = 13
NUMBERS = 14
F = 0
C = 1
N = 2
TF = 3
T = 4
K = 5
MEMORY = 6

_MOST_CANCELS = 64
_LEAST_PRICE = 1.0


@kernel
def _draw_taste(crowd, index):
    """What it is like, once."""
    agent = crowd.agents[index]
    numbers = crowd.numbers
    first = np.int64(agent["first"])
    start = np.int64(agent["memory"])
    for k in range(3):
        crowd.memory[start + F + k] = numbers[first + F_MEAN + k] * draw_exponential(agent)
    span = numbers[first + REVERSION_MOST] - numbers[first + REVERSION]
    crowd.memory[start + TF] = numbers[first + REVERSION] + span * draw_uniform(agent)
    steps = np.int64(numbers[first + WINDOW_MOST] - numbers[first + WINDOW])
    crowd.memory[start + T] = numbers[first + WINDOW] + draw_below(agent, steps + 1)
    crowd.memory[start + K] = numbers[first + MARGIN_MOST] * draw_uniform(agent)


@kernel
def _expected_price(scene, index, price):
    """What it thinks the price will be after its window, in ticks."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    numbers = crowd.numbers
    memory = crowd.memory
    first = np.int64(agent["first"])
    start = np.int64(agent["memory"])
    value = max(fundamental_now(scene, np.int64(numbers[first + FUNDAMENTAL])), _LEAST_PRICE)
    window = memory[start + T]
    before = price_ago(scene, np.int64(numbers[first + HISTORY]), np.int64(window))
    pull = memory[start + F] * natural_log(value / price) / memory[start + TF]
    trend = memory[start + C] * natural_log(price / before) / window
    noise = memory[start + N] * numbers[first + NOISE] * draw_normal(agent)
    weights = memory[start + F] + memory[start + C] + memory[start + N]
    return price * exponential((pull + trend + noise) / weights * window)


@kernel
def act_fcn(scene, index):
    """One order at a time, whatever it has besides."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    first = np.int64(agent["first"])
    start = np.int64(agent["memory"])
    wait_ns = crowd.numbers[first + WAIT_NS]
    if agent["wakes"] == 1:
        first_wake(scene, index)
        _draw_taste(crowd, index)
        return draw_wake(scene, index, wait_ns)
    life_ns = np.int64(crowd.memory[start + T] * crowd.numbers[first + STEP_NS])
    cancel_older(scene, index, np.int64(scene.world.head[0]["now_ns"]) - life_ns, _MOST_CANCELS)
    price = max(price_ago(scene, np.int64(crowd.numbers[first + HISTORY]), np.int64(0)), _LEAST_PRICE)
    expected = _expected_price(scene, index, price)
    lots = np.int64(crowd.numbers[first + LOTS])
    if expected > price:
        bid_ticks = np.int64(math.floor(expected * (1.0 - crowd.memory[start + K])))
        send_limit(scene, index, Side.BUY, bid_ticks, lots)
    else:
        ask_ticks = np.int64(math.ceil(expected * (1.0 + crowd.memory[start + K])))
        send_limit(scene, index, Side.SELL, ask_ticks, lots)
    return draw_wake(scene, index, wait_ns)
