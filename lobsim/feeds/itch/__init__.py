"""Nasdaq TotalView-ITCH 5.0."""

from __future__ import annotations

from lobsim.feeds.itch import reader

FORMATS = (reader,)
