"""Random numbers of the crowd: a hash of (seed, agent, event, draw).

Nothing is carried from one event to the next.  Whatever an agent drew at its 100th event, it draws the same at its 101st, and two markets with one
seed share their randomness for as long as their agents do the same (common random numbers).  Uniform numbers are exact; what is made of them uses
`lobsim.core.arithmetic`, so every draw is the same on every platform.
"""

from __future__ import annotations

import math

import numpy as np

from lobsim.core.arithmetic import exponential, natural_log
from lobsim.core.jit import inline, kernel, splitmix64, wrapping_sum

_ONE = np.uint64(1)
_UNIT = 2.0**-53
_LOWER = (
    (3.3871328727963666080e0, 1.0),
    (1.3314166789178437745e2, 4.2313330701600911252e1),
    (1.9715909503065514427e3, 6.8718700749205790830e2),
    (1.3731693765509461125e4, 5.3941960214247511077e3),
    (4.5921953931549871457e4, 2.1213794301586595867e4),
    (6.7265770927008700853e4, 3.9307895800092710610e4),
    (3.3430575583588128105e4, 2.8729085735721942674e4),
    (2.5090809287301226727e3, 5.2264952788528545610e3),
)
_MIDDLE = (
    (1.42343711074968357734e0, 1.0),
    (4.63033784615654529590e0, 2.05319162663775882187e0),
    (5.76949722146069140550e0, 1.67638483018380384940e0),
    (3.64784832476320460504e0, 6.89767334985100004550e-1),
    (1.27045825245236838258e0, 1.48103976427480074590e-1),
    (2.41780725177450611770e-1, 1.51986665636164571966e-2),
    (2.27238449892691845833e-2, 5.47593808499534494600e-4),
    (7.74545014278341407640e-4, 1.05075007164441684324e-9),
)
_FAR = (
    (6.65790464350110377720e0, 1.0),
    (5.46378491116411436990e0, 5.99832206555887937690e-1),
    (1.78482653991729133580e0, 1.36929880922735805310e-1),
    (2.96560571828504891230e-1, 1.48753612908506148525e-2),
    (2.65321895265761230930e-2, 7.86869131145613259100e-4),
    (1.24266094738807843860e-3, 1.84631831751005468180e-5),
    (2.71155556874348757815e-5, 1.42151175831644588870e-7),
    (2.01033439929228813265e-7, 2.04426310338993978564e-15),
)


@inline
def begin_event(agent):
    """The next event of an agent begins: its draws count from 0 again.

    agent  a record with key, events, stream and draws
    """
    agent["events"] += 1
    agent["stream"] = splitmix64(agent["key"] ^ np.uint64(np.int64(agent["events"])))
    agent["draws"] = 0


@inline
def key_of(seed, index):
    """The key of one agent among all of a market.  seed, index: int64"""
    return splitmix64(splitmix64(np.uint64(np.int64(seed))) ^ np.uint64(np.int64(index)))


@inline
def draw_word(agent):
    """64 bits that are as good as random."""
    agent["draws"] = wrapping_sum(agent["draws"], _ONE)
    return splitmix64(agent["stream"] ^ agent["draws"])


@inline
def draw_uniform(agent):
    """Uniform in [0, 1), a multiple of 2^-53."""
    return np.float64(draw_word(agent) >> np.uint64(11)) * _UNIT


@inline
def draw_below(agent, count):
    """A whole number from 0 to count - 1, 1 <= count < 2^31."""
    high = draw_word(agent) >> np.uint64(33)
    return np.int64((high * np.uint64(count)) >> np.uint64(31))


@inline
def draw_exponential(agent):
    """Exponential with mean 1."""
    return -natural_log(1.0 - draw_uniform(agent))


@inline
def _ratio(table, x):
    """The quotient of two polynomials whose coefficients stand in a table, lowest power first."""
    over = 0.0
    under = 0.0
    for k in range(7, -1, -1):
        over = over * x + table[k][0]
        under = under * x + table[k][1]
    return over / under


@kernel
def normal_quantile(p):
    """Where the standard normal law has p below it, 0 < p < 1; relative error 1e-16 (Wichura 1988, AS 241, PPND16)."""
    q = p - 0.5
    if abs(q) <= 0.425:
        return q * _ratio(_LOWER, 0.180625 - q * q)
    r = math.sqrt(-natural_log(min(p, 1.0 - p)))
    value = _ratio(_MIDDLE, r - 1.6) if r <= 5.0 else _ratio(_FAR, r - 5.0)
    return -value if q < 0.0 else value


@inline
def draw_normal(agent):
    """Normal with mean 0 and standard deviation 1."""
    return normal_quantile((np.float64(draw_word(agent) >> np.uint64(12)) + 0.5) * 2.0**-52)


@inline
def draw_pareto(agent, tail):
    """Pareto from 1 on: larger than x with probability x^-tail."""
    return exponential(draw_exponential(agent) / tail)


@inline
def draw_geometric(agent, p):
    """A whole number from 0 on: k with probability p (1 - p)^k, 0 < p < 1."""
    return np.int64(math.floor(draw_exponential(agent) / -natural_log(1.0 - p)))


@kernel
def draw_poisson(agent, mean):
    """Poisson; takes a draw for each unit and one more, so it is for means of up to some hundreds."""
    left = mean
    count = np.int64(0)
    while True:
        left -= draw_exponential(agent)
        if left < 0.0:
            return count
        count += 1
