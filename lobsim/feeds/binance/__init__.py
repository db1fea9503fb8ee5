"""Readers of what Binance publishes: raw websocket captures, T_DEPTH downloads, aggregate trades."""

from __future__ import annotations

from lobsim.feeds.binance import agg_archive, agg_trades, raw, t_depth

FORMATS = (raw, t_depth, agg_trades, agg_archive)
"""Modules with NAME, recognise and read."""
