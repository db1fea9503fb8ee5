"""Logarithm and exponential that are the same number everywhere.

The mathematical libraries of platforms differ in the last bit.  These use only what IEEE 754 fixes to the bit (sums, products, quotients, scaling by powers of
two), so a simulated market that draws waiting times with them is the same market on every machine, compiled or not.
Both agree with the true value to 2 units in the last place.
"""

from __future__ import annotations

import math

import numpy as np

from lobsim.core.jit import inline, kernel

_LN2_HIGH = 6.93147180369123816490e-01
"""The upper 33 bits of ln 2: a whole number of up to 20 bits times it is exact."""
_LN2_LOW = 1.90821492927058770002e-10
_LOG2_E = 1.4426950408889634
_SQRT_HALF = 0.7071067811865476
_INVERSE_FACTORIALS = tuple(1.0 / math.factorial(n) for n in range(15))
_LEAST_POWER = -745.2
_MOST_POWER = 709.7


@kernel
def natural_log(x):
    """ln x of a float above 0.

    x = 2^k m with m between sqrt(1/2) and sqrt(2); ln m = 2 artanh((m - 1) / (m + 1)) as its series.
    """
    m, k = math.frexp(x)
    if m < _SQRT_HALF:
        m *= 2.0
        k -= 1
    f = m - 1.0
    s = f / (m + 1.0)
    z = s * s
    series = 1.0 / 23.0
    for odd in range(21, 1, -2):
        series = series * z + 1.0 / odd
    tail = 2.0 * s * z * series
    # 2 s = f - s f, and f is exact: the small correction is added last
    return k * _LN2_HIGH + (f + (tail - s * f + k * _LN2_LOW))


@kernel
def exponential(x):
    """e to the x; 0 below -745, infinite above 709.

    x = k ln 2 + r with r no larger than ln 2 / 2; e^r as its series.
    """
    if x < _LEAST_POWER:
        return 0.0
    if x > _MOST_POWER:
        return np.inf
    k = math.floor(x * _LOG2_E + 0.5)
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    series = _INVERSE_FACTORIALS[14]
    for n in range(13, 1, -1):
        series = series * r + _INVERSE_FACTORIALS[n]
    return math.ldexp(1.0 + (r + r * r * series), int(k))


@inline
def power(base, exponent):
    """base to the exponent, base above 0: to about 1e-14 of its value."""
    return exponential(exponent * natural_log(base))
