"""Readers of what Bybit publishes: recordings and archives of v5 websocket messages, archives of trades."""

from __future__ import annotations

from lobsim.feeds.bybit import stream, trades

FORMATS = (stream, trades)
"""Modules with NAME, recognise and read."""
