"""What is known of a Bybit symbol: what the recording says, and what holds for every symbol of a market.

An inverse contract (BTCUSD, BTCUSDZ26) is worth 1 USD and settled in the coin.  Tick and lot are taken from the venue's instruments-info where it was recorded
along; otherwise they are left to be found, or to be said.
"""

from __future__ import annotations

import re

from lobsim.feeds.level_track import decimals, scale
from lobsim.feeds.piece import Instrument, ReadOptions
from lobsim.feeds.quote_assets import quote_asset
from lobsim.types import Fidelity

UNKNOWN, SPOT, LINEAR, INVERSE = "BYBIT", "BYBIT_SPOT", "BYBIT_LINEAR", "BYBIT_INVERSE"
PRICE_DIGITS, SIZE_DIGITS = 10, 8
"""Where no step is known; a number that does not fit is refused, and a step said helps."""
_INVERSE_SYMBOL = re.compile(r"[A-Z0-9]+USD(?:[FGHJKMNQUVXZ][0-9]{2})?")
_DELIVERY = re.compile(r"-[0-9]{1,2}[A-Z]{3}[0-9]{2}$")


def instrument(
    symbol: str,
    venue: str,
    options: ReadOptions,
    *,
    depth: int,
    steps: tuple[str, str] | None = None,
    has_book: bool = True,
) -> Instrument:
    """The instrument; ``steps`` are tick and lot as the venue states them, what a person says goes before."""
    if venue == UNKNOWN and _INVERSE_SYMBOL.fullmatch(symbol):
        venue = INVERSE
    tick, lot = (
        said or stated for said, stated in zip((options.tick, options.lot), steps or (None, None), strict=True)
    )
    inverse = venue == INVERSE
    bare = _DELIVERY.sub("", symbol)
    return Instrument(
        symbol=symbol,
        venue=venue,
        currency="USD" if inverse else "USDC" if bare.endswith("PERP") else quote_asset(bare),
        fidelity=Fidelity.L2_TRADES if has_book else Fidelity.L1,
        depth=depth,
        price_scale=scale(decimals(tick) if tick else PRICE_DIGITS),
        size_scale=scale(decimals(lot) if lot else SIZE_DIGITS),
        tick=tick,
        lot=lot,
        inverse=inverse,
    )
