"""Chance of an agent, written from its rules: 64-bit words that are a hash of (seed, agent, event, draw), and what is made of them.

Logarithms, exponentials and quantiles are those of the mathematical libraries: they agree with the compiled ones to the last bits, which no decision of a test depends on.
"""

from __future__ import annotations

import math

from scipy.special import ndtri

_ALL = 2**64 - 1


def splitmix64(value: int) -> int:
    """Steele, Lea, Flood 2014."""
    z = (value + 0x9E3779B97F4A7C15) & _ALL
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _ALL
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _ALL
    return z ^ (z >> 31)


class Chance:
    """One agent's random numbers."""

    def __init__(self, seed: int, index: int) -> None:
        self.key = splitmix64(splitmix64(seed & _ALL) ^ (index & _ALL))
        self.events = 0
        self.begin()
        self.events = 0

    def begin(self) -> None:
        """The next event: draws count from 0."""
        self.events += 1
        self.stream = splitmix64(self.key ^ self.events)
        self.draws = 0

    def word(self) -> int:
        """64 random bits."""
        self.draws += 1
        return splitmix64(self.stream ^ self.draws)

    def uniform(self) -> float:
        """In [0, 1)."""
        return (self.word() >> 11) / 2**53

    def below(self, count: int) -> int:
        """From 0 to count - 1."""
        return ((self.word() >> 33) * count) >> 31

    def exponential(self) -> float:
        """With mean 1."""
        return -math.log(1.0 - self.uniform())

    def normal(self) -> float:
        """Standard normal."""
        return float(ndtri(((self.word() >> 12) + 0.5) / 2**52))

    def pareto(self, tail: float) -> float:
        """From 1 on: larger than x with probability x^-tail."""
        return math.exp(self.exponential() / tail)

    def poisson(self, mean: float) -> int:
        """Arrivals of rate 1 within so long."""
        count, left = 0, mean - self.exponential()
        while left >= 0.0:
            count, left = count + 1, left - self.exponential()
        return count
