"""How large the orders of a background agent are: a mixture fitted to exchange data, as in ABIDES.

One in five is lognormal (log mean 2.9, deviation 1.2: median 18), seven in ten are exactly 100, the rest whole hundreds up to 1000; 105.9 in the mean.  In ABIDES the hundreds have a deviation of 0.15,
which after rounding moves one in a thousand by 1; here they are exact.  What rounds to 0 is 1.
"""

from __future__ import annotations

from lobsim.core.agents.waits import nearest
from lobsim.core.arithmetic import exponential
from lobsim.core.chance import draw_normal, draw_uniform
from lobsim.core.jit import kernel

LOG_MEAN = 2.9
LOG_DEVIATION = 1.2
LOGNORMAL = 0.2
HUNDREDS = (0.7, 0.06, 0.004, 0.0329, 0.001, 0.0006, 0.0004, 0.0005, 0.0003, 0.0003)
"""Shares of 100, 200, ... 1000."""
_BELOW = tuple(LOGNORMAL + sum(HUNDREDS[:count]) for count in range(1, len(HUNDREDS)))


@kernel
def draw_order_size(agent):
    """Lots of one order."""
    at = draw_uniform(agent)
    if at < LOGNORMAL:
        return max(nearest(exponential(LOG_MEAN + LOG_DEVIATION * draw_normal(agent))), 1)
    hundreds = 1
    for below in _BELOW:
        if at < below:
            break
        hundreds += 1
    return 100 * hundreds
