"""The execution problem on a simulated market: parent orders, algorithms, backtests and their cost.

Invariants: never imports torch, nor anything of ``policies``; importing it compiles nothing.
"""
