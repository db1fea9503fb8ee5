"""Pressure: the signed own volume of the recent past, and by how many ticks it holds history away from where it was (docs/rules.md, section 2b).

The pressure E is kept in 2^-10 lot.  The square root law says ``x = sign(E) sqrt(|E| / scale)`` ticks; the offset is a whole number of ticks that stays while x is
within 0.6 of it and becomes the whole number nearest to x where it is not.  No root is taken for that: ``z |z|`` grows with z, so ``x > D + 0.6`` is
``25 E > scale (5 D + 3) |5 D + 3|``, in integers.  E decays as `renewal` has it, in steps of a 64th of the half-life, rounded towards 0.

Invariants: |E| <= MAX_PRESSURE, 1 <= scale <= MAX_SCALE, so that every product stays within 63 bits.  E stands as it was at step ``pressure_step``.
``overlay_ns`` is when the overlay has something to do: now, when the offset will next move by decay, or NEVER.

Source: the square root law with volume resilience of Alfonsi, Fruth and Schied (2010), their model 1 with a depth that grows linearly; in it no round trip
of own taking earns money, however E decays.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.jit import inline, kernel
from lobsim.core.renewal import STEPS, decayed, step_at
from lobsim.types import NEVER, PRESSURE_UNITS

MAX_PRESSURE = 2**50
MAX_SCALE = 2**55


@inline
def _signed_square(value):
    """value |value|."""
    return value * abs(value)


@inline
def _above(pressure, scale, offset_ticks):
    """By how much 25 E is above the upper end of the band around an offset; at most 0 within it."""
    return 25 * pressure - scale * _signed_square(5 * offset_ticks + 3)


@inline
def _below(pressure, scale, offset_ticks):
    """By how much 25 E is below its lower end; at most 0 within it."""
    return scale * _signed_square(5 * offset_ticks - 3) - 25 * pressure


@inline
def is_outside(pressure, scale, offset_ticks):
    """Whether the offset has to move."""
    return _above(pressure, scale, offset_ticks) > 0 or _below(pressure, scale, offset_ticks) > 0


@kernel
def nearest_offset(pressure, scale):
    """The whole number of ticks nearest to x; half a tick goes outwards."""
    square = 4 * abs(pressure) // scale
    root = np.int64(np.sqrt(np.float64(square)))
    while root * root > square:
        root -= 1
    while (root + 1) * (root + 1) <= square:
        root += 1
    return (root + 1) // 2 if pressure > 0 else -((root + 1) // 2)


@inline
def after_taking(pressure, side, units):
    """The pressure after so many more units bought (side BUY) or sold."""
    if side:
        return max(pressure - units, -np.int64(MAX_PRESSURE))
    return min(pressure + units, np.int64(MAX_PRESSURE))


@kernel
def lots_to_move(pressure, scale, offset_ticks, side):
    """How many lots an own taker of side takes until the offset moves: at least 1, and a very large number where it never does."""
    inside = -_below(pressure, scale, offset_ticks) if side else -_above(pressure, scale, offset_ticks)
    return max(inside, 0) // (25 * PRESSURE_UNITS) + 1


@inline
def _start_of(step, half_life_ns):
    """When a step begins: the first instant at which `step_at` counts it."""
    rest = step % STEPS
    return (step // STEPS) * half_life_ns + (rest * half_life_ns + STEPS - 1) // STEPS


@kernel
def plan_overlay(world):
    """When the overlay has something to do next.  changes: overlay_ns"""
    head = world.head[0]
    pressure = np.int64(head["pressure"])
    scale = np.int64(head["overlay_scale"])
    offset_ticks = np.int64(head["offset_ticks"])
    if head["overlay_order"] != 0 or is_outside(pressure, scale, offset_ticks):
        head["overlay_ns"] = head["now_ns"]
        return
    if offset_ticks == 0:
        head["overlay_ns"] = NEVER
        return
    size = abs(pressure)
    offset_ticks = abs(offset_ticks)
    steps = 0
    while _below(size, scale, offset_ticks) <= 0:
        size = decayed(size, 1)
        steps += 1
    head["overlay_ns"] = _start_of(head["pressure_step"] + steps, np.int64(head["half_life_ns"]))


@kernel
def relax(world):
    """The pressure decays up to now.  changes: pressure, pressure_step"""
    head = world.head[0]
    step = step_at(np.int64(head["now_ns"]), np.int64(head["half_life_ns"]))
    pressure = np.int64(head["pressure"])
    if pressure != 0:
        left = decayed(abs(pressure), step - np.int64(head["pressure_step"]))
        head["pressure"] = left if pressure > 0 else -left
    head["pressure_step"] = step


@kernel
def press(world, side, size_lots, passive):
    """An own order of side has traded: history is pushed its way, by passive fills with their weight.  changes: the pressure and when it is due"""
    head = world.head[0]
    relax(world)
    weight = np.int64(head["passive_weight"]) if passive else np.int64(PRESSURE_UNITS)
    head["pressure"] = after_taking(np.int64(head["pressure"]), side, size_lots * weight)
    plan_overlay(world)
