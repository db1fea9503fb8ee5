"""What is known of a Binance symbol without asking the venue.

Rules that hold for every symbol of a market: prices and sizes have at most eight decimals; COIN-M sizes are whole contracts, worth 100 USD for BTC and 10 USD
for every other coin, settled in the coin.  Tick and lot of the other markets differ by symbol and are left to be found, or to be said.
"""

from __future__ import annotations

import re

from lobsim.errors import DataError
from lobsim.feeds.level_track import decimals, scale
from lobsim.feeds.piece import Instrument, ReadOptions
from lobsim.feeds.quote_assets import quote_asset
from lobsim.types import Fidelity

SPOT, USDM, COINM = "BINANCE_SPOT", "BINANCE_USDM", "BINANCE_COINM"
VENUES = (SPOT, USDM, COINM)
DIGITS = 8
_COINM_SYMBOL = re.compile(r"[A-Z0-9]+USD_(?:PERP|[0-9]{6})")


def is_coin_margined(symbol: str) -> bool:
    """Whether a symbol is written as COIN-M writes it: BTCUSD_PERP, BTCUSD_240927."""
    return _COINM_SYMBOL.fullmatch(symbol) is not None


def instrument(symbol: str, venue: str, options: ReadOptions, fidelity: Fidelity, *, file: str) -> Instrument:
    """The instrument, with what a person has added; raises DataError where that contradicts the recording."""
    if options.venue is not None and options.venue != venue:
        raise DataError(
            f"venue was given as {options.venue}, the recording is of {venue}", file=file, hint="leave it out"
        )
    inverse = venue == COINM
    size_digits = decimals(options.lot) if options.lot else DIGITS
    return Instrument(
        symbol=symbol,
        venue=venue,
        currency="USD" if inverse else quote_asset(symbol.partition("_")[0]),
        fidelity=fidelity,
        depth=0,
        price_scale=scale(max(DIGITS, decimals(options.tick or "1"))),
        size_scale=scale(size_digits),
        tick=options.tick,
        lot=options.lot or ("1" if inverse else None),
        multiplier=("100" if symbol.startswith("BTCUSD_") else "10") if inverse else "1",
        inverse=inverse,
    )
