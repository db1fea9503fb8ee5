"""Measuring the matching core: streams with known answers, clocks, percentiles, and the C reference beside it.

Cold floor: it may import ``lobsim.core`` and ``lobsim``; only the command line imports it.  The rule of the house: no time counts unless
the answers match, so every measurement checks what was answered and raises ``WrongAnswer`` instead of returning a figure.
"""
