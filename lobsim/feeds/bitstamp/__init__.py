"""Bitstamp, order by order: the log of 2015 (``log``) and the CSV of order events (``table``); both become rows through ``orders`` and ``links``.

Messages speak of the amount that REMAINS of an order.  Times are those of arrival in ms, also as exchange time: the feed's own time
is that of the order's creation, in whole seconds.
"""

from __future__ import annotations

from lobsim.feeds.bitstamp import log, table

FORMATS = (log, table)

__all__ = ["FORMATS", "log", "table"]
