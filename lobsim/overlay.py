"""How strongly own trading presses on a recorded market (impact OVERLAY, docs/rules.md 2b), as one whole number.

``Q`` lots taken at once move the market by ``Y sigma sqrt(Q / V)`` ticks, so one tick takes ``V / (Y sigma)^2`` lots.  V and sigma^2 grow alike with time: what a recording
of any length shows of both is enough, and nothing is scaled to a day.

Known limit: sigma is that of the middle at five minutes' distance (an eighth of a short recording); a recording in which the middle never moves there, or
nobody trades, has none.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from lobsim.config import Overlay
from lobsim.core.pressure import MAX_SCALE
from lobsim.errors import ConfigError
from lobsim.types import PRESSURE_UNITS, Flag, Kind

STEP_NS = 300 * 10**9
"""Distance of the middles whose changes are squared, if the recording is long enough for that."""
LEAST_STEPS = 8
_TRADES = (Kind.EXECUTE, Kind.EXECUTE_HIDDEN, Kind.PRINT)


def traded_lots(tape: np.ndarray) -> int:
    """Lots traded in an order by order tape, hidden ones too, auctions not."""
    counts = np.isin(tape["kind"], _TRADES) & ((tape["flags"] & Flag.AUCTION) == 0)
    return int(tape["size"][counts].sum())


def squared_moves(ts_ns: np.ndarray, touch: np.ndarray) -> Fraction:
    """Sum of the squared changes of the middle over steps of STEP_NS, or of an eighth of the time if that is less, in squared ticks.

    ts_ns  int64 [rows], never falling
    touch  int64 [rows, 4]: bid price in ticks, bid units, ask price, ask units after each row; units 0 if a side is empty
    """
    whole = np.flatnonzero((touch[:, 1] > 0) & (touch[:, 3] > 0))
    if not len(whole):
        return Fraction(0)
    twice_middle = touch[whole, 0] + touch[whole, 2]
    first_ns, last_ns = int(ts_ns[whole[0]]), int(ts_ns[-1])
    times = np.arange(first_ns, last_ns + 1, max(1, min(STEP_NS, (last_ns - first_ns) // LEAST_STEPS)))
    places = np.searchsorted(ts_ns[whole], times, side="right") - 1
    moves = np.diff(twice_middle[places])
    return Fraction(sum(int(move) ** 2 for move in moves), 4)


def overlay_scale(settings: Overlay, volume_lots: int | Fraction, variance: Fraction) -> int:
    """Lots that move the market by one tick, in 2^-10 lot.

    volume_lots, variance  traded lots, and squared ticks, of one and the same time; of settings what is given there counts instead

    Raises ConfigError where there is neither.
    """
    if settings.daily_volume_lots is not None and settings.daily_volatility_ticks is not None:
        volume_lots, variance = settings.daily_volume_lots, Fraction(str(settings.daily_volatility_ticks)) ** 2
    if volume_lots <= 0 or variance <= 0:
        raise ConfigError(
            "the recording shows no volume or no moves of the price to measure the overlay by",
            where="overlay",
            hint="give the daily volume and volatility",
        )
    scale = round(PRESSURE_UNITS * volume_lots / (Fraction(str(settings.prefactor)) ** 2 * variance))
    return max(1, min(scale, MAX_SCALE))
