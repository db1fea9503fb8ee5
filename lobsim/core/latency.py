"""What a message takes: one integer of delay for each leg, drawn without state wherever that is possible.

A draw is a hash of (seed, leg, number).  Of messages the number counts the draws of the leg; of market data it is the time of the packet, so that it
does not matter from where a replay began or when somebody looked.  The hash, 62 bits, is looked up in a table of quantiles that the shell has made
(lobsim.latency_tables): half of it for either end, each in octaves of the distance from that end, so that far tails keep their shape.

Only bursts need a memory: a leg with a rho keeps the normal number of its last draw.  Load is counted in the tape itself when a delay is drawn.

All of it is arithmetic of integers: normal numbers in 2^-32, correlations in 2^-26, loads and what they multiply a delay by in 2^-16.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.jit import borrow, inline, kernel, leading_zeros, splitmix64
from lobsim.core.state import PUBLISHED_TRADE
from lobsim.types import Reason, ReportKind, Verb

FEED_BOOK = 0
FEED_TRADES = 1
SUBMIT = 2
CANCEL = 3
REPLACE = 4
ACKNOWLEDGE = 5
FILL = 6
COMPUTE = 7
OVERLOAD = 8
"""No leg, but a count of draws of its own: which requests an overrun venue refuses."""

LEG_CONSTANT = 0
LEG_DRAWN = 1  # delays[first:]: a table of quantiles
LEG_POINTS = 2  # delays[first:]: `count` times, then the delay at each; between them it is interpolated
LEG_STEPS = 3  # the same, and each delay holds until the next

WORD_BITS = 62
OCTAVE_BITS = 5
OCTAVES = 32
BOTTOM_BITS = WORD_BITS - 1 - OCTAVES
FRACTION_BITS = 15
HALF = 2 + (OCTAVES << OCTAVE_BITS)
"""Entries of half a table: at distance 0, then of each octave its 2^OCTAVE_BITS cells, and the middle."""
NORMAL_BITS = 32
"""delays[:2 * HALF] are quantiles of the normal distribution in 2^-32."""
RHO_BITS = 26
LOAD_BITS = 16
LOAD_STEPS = 64
"""A table of growth has so many entries for each standard deviation of load."""
LOAD_REACH = 3
_FARTHEST_Z = 8 << NORMAL_BITS
_LONGEST_NS = 24 * 3600 * 10**9
_FIRST_KEY = 0x6C6174656E6379


@inline
def _word(world, leg, number):
    """62 bits that are as good as random: of the seed, the leg and a number."""
    key = splitmix64(np.uint64(np.int64(world.head[0]["seed"])))
    key = splitmix64(key ^ np.uint64(np.int64(_FIRST_KEY + leg)))
    return np.int64(splitmix64(key ^ np.uint64(np.int64(number))) >> np.uint64(64 - WORD_BITS))


@inline
def quantile_at(delays, first, word):
    """The entry of a table of quantiles at word / 2^62 of the way, interpolated in integers.

    delays  int64: the table begins at `first`; its lower half, then its upper one, each from its end to the middle
    """
    distance = word
    if word >> (WORD_BITS - 1):
        distance = (np.int64(1) << WORD_BITS) - 1 - word
        first += HALF
    top = 63 - leading_zeros(np.uint64(distance | 1))
    if top < BOTTOM_BITS:
        cell = np.int64(0)
        part = distance >> (BOTTOM_BITS - FRACTION_BITS)
    else:
        fine = top - OCTAVE_BITS
        cell = 1 + ((top - BOTTOM_BITS) << OCTAVE_BITS) + ((distance >> fine) & ((1 << OCTAVE_BITS) - 1))
        part = (distance >> (fine - FRACTION_BITS)) & ((1 << FRACTION_BITS) - 1)
    low = delays[first + cell]
    return low + (((delays[first + cell + 1] - low) * part) >> FRACTION_BITS)


@inline
def _word_of_normal(delays, z):
    """The word at which the table of the normal distribution has z: `quantile_at` the other way round."""
    value = -abs(z)
    low = np.int64(0)
    high = np.int64(HALF - 1)
    while high - low > 1:
        middle = (low + high) >> 1
        if delays[middle] <= value:
            low = middle
        else:
            high = middle
    distance = np.int64(0)
    width = np.int64(1) << BOTTOM_BITS
    if low > 0:
        octave = (low - 1) >> OCTAVE_BITS
        width = np.int64(1) << (octave + BOTTOM_BITS - OCTAVE_BITS)
        distance = ((1 << OCTAVE_BITS) + ((low - 1) & ((1 << OCTAVE_BITS) - 1))) * width
    passed = max(value - delays[low], 0)
    part = min((passed << FRACTION_BITS) // (delays[low + 1] - delays[low]), (1 << FRACTION_BITS) - 1)
    distance += part * (width >> FRACTION_BITS)
    return distance if z < 0 else (np.int64(1) << WORD_BITS) - 1 - distance


@inline
def _correlated(world, leg, word):
    """The word of a leg's next draw in its burst: an AR(1) step of normal numbers, of which `word` gives the new one."""
    memory = world.draws[leg]
    z = quantile_at(world.delays, np.int64(0), word)
    if memory["begun"]:
        chosen = world.legs[leg]
        z = (chosen["rho"] * memory["z"] + chosen["root"] * z) >> RHO_BITS
        z = min(max(z, -_FARTHEST_Z), _FARTHEST_Z)
    memory["begun"] = 1
    memory["z"] = z
    return _word_of_normal(world.delays, np.int64(z))


@inline
def _points_until(delays, first, count, at_ns):
    """How many of `count` rising times from delays[first] on are at or before at_ns."""
    low = np.int64(0)
    high = np.int64(count)
    while low < high:
        middle = (low + high) >> 1
        if delays[first + middle] <= at_ns:
            low = middle + 1
        else:
            high = middle
    return low


@inline
def _recorded(world, leg, at_ns):
    """The delay of a leg that follows recorded times."""
    chosen = world.legs[leg]
    delays = world.delays
    first = np.int64(chosen["first"])
    count = np.int64(chosen["count"])
    known = _points_until(delays, first, count, at_ns)
    before = max(known - 1, 0)
    low = delays[first + count + before]
    if chosen["kind"] == LEG_STEPS or known == 0 or known == count:
        return np.int64(low)
    growth = np.int64(delays[first + count + known] - low)
    span = np.int64(delays[first + known] - delays[first + before])
    passed = at_ns - delays[first + before]
    # the product must fit 62 bits: of very long gaps the last bits are left out
    most = np.int64(1) << (leading_zeros(np.uint64(abs(growth) | 1)) - 1)
    while span >= most:
        span >>= 1
        passed >>= 1
    return np.int64(low + growth * passed // span)


@inline
def _rows_until(tape, at_ns):
    """How many recorded rows are at or before at_ns."""
    low = np.int64(0)
    high = np.int64(len(tape))
    while low < high:
        middle = (low + high) >> 1
        if tape[middle]["ts_ns"] <= at_ns:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def load_at(world, at_ns):
    """The standardised load in 2^-16: recorded rows in the window up to at_ns, less their mean, over their standard deviation (0 if that is 0)."""
    head = world.head[0]
    if head["load_sd"] == 0:
        return np.int64(0)
    rows = _rows_until(world.tape, at_ns) - _rows_until(world.tape, at_ns - np.int64(head["load_window_ns"]))
    return np.int64((((rows << LOAD_BITS) - head["load_mean"]) << LOAD_BITS) // head["load_sd"])


@inline
def _with_load(world, leg, delay, at_ns):
    """A delay as the load of that time stretches what it has above its floor."""
    chosen = world.legs[leg]
    reach = LOAD_REACH << LOAD_BITS
    load = min(max(load_at(world, at_ns), -reach), reach - 1) + reach
    place = np.int64(chosen["growth"]) + load * LOAD_STEPS // (1 << LOAD_BITS)
    part = load * LOAD_STEPS % (1 << LOAD_BITS)
    growth = world.delays[place]
    growth += ((world.delays[place + 1] - growth) * part) >> LOAD_BITS
    above = delay - np.int64(chosen["floor_ns"])
    if above >= (np.int64(_LONGEST_NS) << LOAD_BITS) // growth:
        return np.int64(_LONGEST_NS)
    return np.int64(chosen["floor_ns"] + ((above * growth) >> LOAD_BITS))


@kernel
def leg_delay(world, leg, at_ns, number):
    """What a message of this leg takes that leaves at at_ns; number tells the draws of the leg apart.  changes: draws, if the leg has a rho"""
    chosen = world.legs[leg]
    kind = chosen["kind"]
    if kind in (LEG_POINTS, LEG_STEPS):
        return _recorded(world, leg, at_ns)
    delay = np.int64(chosen["constant_ns"])
    if kind == LEG_DRAWN:
        word = _word(world, leg, number)
        if chosen["rho"] != 0:
            word = _correlated(world, leg, word)
        delay = np.int64(quantile_at(world.delays, np.int64(chosen["first"]), word))
    if chosen["growth"] != 0:
        delay = _with_load(world, leg, delay, at_ns)
    return min(delay, np.int64(_LONGEST_NS))


@inline
def _counted_delay(world, leg, at_ns):
    """`leg_delay` of the next message of a leg."""
    memory = world.draws[leg]
    number = np.int64(memory["count"])
    memory["count"] = number + 1
    return leg_delay(world, leg, at_ns, number)


@kernel
def request_due_ns(world, verb):
    """When a request that is decided on now arrives at the venue, but for those before it."""
    head = world.head[0]
    leg = np.int64(SUBMIT)
    if verb == Verb.CANCEL:
        leg = np.int64(CANCEL)
    elif verb == Verb.REPLACE:
        leg = np.int64(REPLACE)
    leaves_ns = np.int64(head["now_ns"] + head["computing_ns"])
    return leaves_ns + _counted_delay(world, leg, leaves_ns)


@kernel
def answer_due_ns(world, kind):
    """When an answer of the venue is heard, but for those before it."""
    now_ns = np.int64(world.head[0]["now_ns"])
    leg = np.int64(FILL) if kind == ReportKind.TRADE else np.int64(ACKNOWLEDGE)
    return now_ns + _counted_delay(world, leg, now_ns)


@kernel
def forced_due_ns(world):
    """When a new order that leaves now arrives, behind all that left before.  changes: draws"""
    world = borrow(world)
    head = world.head[0]
    due_ns = head["now_ns"] + head["order_ns"]
    if head["legs_vary"]:
        now_ns = np.int64(head["now_ns"])
        due_ns = now_ns + _counted_delay(world, np.int64(SUBMIT), now_ns)
    return max(np.int64(due_ns), np.int64(head["last_to_venue_ns"]))


@kernel
def compute_delay(world):
    """What the decision of now takes."""
    return _counted_delay(world, np.int64(COMPUTE), np.int64(world.head[0]["now_ns"]))


@kernel
def is_row_rejected(world, verb):
    """Whether a recorded table says that a request of this kind which leaves now is rejected."""
    head = world.head[0]
    leg = REPLACE if verb == Verb.REPLACE else CANCEL if verb == Verb.CANCEL else SUBMIT
    chosen = world.legs[leg]
    first = np.int64(chosen["rejects"])
    count = np.int64(chosen["reject_count"])
    if count == 0:
        return False
    leaves_ns = np.int64(head["now_ns"] + head["computing_ns"])
    begun = _points_until(world.delays, first, count, leaves_ns)
    return begun > 0 and leaves_ns < world.delays[first + count + begun - 1]


@kernel
def overrun(world, rejected):
    """Why the venue refuses a request that arrives now, a Reason; NONE if it takes it.

    rejected  1: a recorded table says so

    changes: arrivals, draws
    """
    head = world.head[0]
    most = len(world.arrivals)
    if most > 0:
        count = np.int64(head["arrivals"])
        earlier_ns = np.int64(world.arrivals[count % most])
        world.arrivals[count % most] = head["now_ns"]
        head["arrivals"] = count + 1
        if count >= most and earlier_ns > head["now_ns"] - head["rate_window_ns"]:
            return np.int64(Reason.RATE_LIMIT)
    if rejected:
        return np.int64(Reason.OVERLOAD)
    if head["overload_share"] > 0 and load_at(world, np.int64(head["now_ns"])) > head["overload_above"]:
        memory = world.draws[OVERLOAD]
        number = np.int64(memory["count"])
        memory["count"] = number + 1
        if _word(world, OVERLOAD, number) < head["overload_share"]:
            return np.int64(Reason.OVERLOAD)
    return np.int64(Reason.NONE)


@kernel
def date_entries(world):
    """Give every entry published since the last call the time it is heard at, in place of the time it was published at.

    What is published at one instant on one channel is one packet and is heard at one instant, never before the packet in front of it.

    changes: ring, draws, head.dated
    """
    head = world.head[0]
    mask = len(world.ring) - 1
    k = max(np.int64(head["dated"]), np.int64(head["read"]))
    while k < head["written"]:
        entry = world.ring[k & mask]
        leg = np.int64(FEED_TRADES) if entry["kind"] == PUBLISHED_TRADE else np.int64(FEED_BOOK)
        memory = world.draws[leg]
        ts_ns = np.int64(entry["ts_ns"])
        if ts_ns != memory["packet_ns"]:
            memory["packet_ns"] = ts_ns
            memory["due_ns"] = max(np.int64(memory["due_ns"]), ts_ns + leg_delay(world, leg, ts_ns, ts_ns))
        entry["ts_ns"] = memory["due_ns"]
        k += 1
    head["dated"] = k
