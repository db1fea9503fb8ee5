"""Laws that are tables of integers: the same draws on every platform, whatever its arithmetic.

A law stands in ``Crowd.numbers`` as the number of its rows and then, row by row, a cumulative probability in 2^-16 (65536 in the last row) and a value.  `pick` gives the value of
the row that a draw falls in; `between` goes from row to row in a straight line, so its first row has probability 0.  Chances are in 1/1024.  Integers up to 2^53 are exact in numbers and memory.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.chance import draw_word
from lobsim.core.jit import inline, kernel

ONE = 1024
"""What chances, rates and weights are parts of."""
FINE = 16
"""Fair values and what moves them are in 2^-FINE tick."""


@inline
def whole_number(array, place):
    """An integer that is kept in numbers or memory."""
    return np.int64(array[place])


@inline
def draw_bits(agent, bits):
    """A number of so many bits, 1 to 62."""
    return np.int64(draw_word(agent) >> np.uint64(64 - bits))


@inline
def happens(agent, part):
    """Whether something of probability part / 1024 happens."""
    return draw_bits(agent, 10) < part


@kernel
def pick(agent, numbers, place):
    """The value of the row that a draw falls in.  place: of the table in numbers"""
    at = draw_bits(agent, 16)
    row = place + 1
    while numbers[row] <= at:
        row += 2
    return np.int64(numbers[row + 1])


@kernel
def between(agent, numbers, place):
    """A value in a straight line between two rows; the last one is not reached.  Values up to 2^46."""
    at = draw_bits(agent, 16)
    row = place + 3
    while numbers[row] <= at:
        row += 2
    low = np.int64(numbers[row - 1])
    step = np.int64(numbers[row + 1]) - low
    width = np.int64(numbers[row] - numbers[row - 2])
    part = ((at - np.int64(numbers[row - 2])) << 16) + draw_bits(agent, 16)
    return low + (((step // width) * part + (step % width) * part // width) >> 16)


@inline
def entry(numbers, place, number):
    """An entry of a plain list (its length, then its entries), the last one for all beyond it."""
    return np.int64(numbers[place + 1 + min(number, np.int64(numbers[place]) - 1)])


@inline
def parameter(scene, index, which):
    """One of an agent's plain numbers."""
    crowd = scene.crowd
    return np.int64(crowd.numbers[np.int64(crowd.agents[index]["first"]) + which])


@inline
def table_at(scene, index, which):
    """Where one of an agent's tables begins in numbers."""
    return np.int64(scene.crowd.agents[index]["first"]) + parameter(scene, index, which)


@inline
def picked(scene, index, which):
    """A draw of an agent's from one of its laws, by `pick`."""
    return pick(scene.crowd.agents[index], scene.crowd.numbers, table_at(scene, index, which))


@inline
def drawn(scene, index, which):
    """A draw of an agent's from one of its laws, by `between`."""
    return between(scene.crowd.agents[index], scene.crowd.numbers, table_at(scene, index, which))
