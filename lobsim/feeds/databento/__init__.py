"""Databento: DBN files and CSV, schemas mbo, mbp-1, mbp-10 and trades."""

from __future__ import annotations

from lobsim.feeds.databento import dbn, delimited

FORMATS = (dbn, delimited)
