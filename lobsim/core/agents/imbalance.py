"""What stands in the book for the crowd in all, and who is told when it becomes one-sided.

A book is one-sided while one side has less than a tenth of the lots of the other (of the crowd's orders: recorded and own ones are not counted).  Agents who asked for it (``warned``) are woken an answer's delay
after it begins, and again when it is the other side.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.calendar import push_wait
from lobsim.core.jit import inline, kernel
from lobsim.types import Side

ONE_SIDED = 10
BALANCED = 0
FEW_BUYS = 1
FEW_SELLS = 2


@inline
def note_standing(crowd, side, lots):
    """So many lots more stand on a side, or less."""
    if side == Side.BUY:
        crowd.head[0]["standing_buy_lots"] += lots
    else:
        crowd.head[0]["standing_sell_lots"] += lots


@kernel
def _warn(scene):
    """Who asked for it is woken."""
    crowd = scene.crowd
    agents = len(crowd.agents)
    for index in range(agents):
        agent = crowd.agents[index]
        if agent["warned"]:
            crowd.head[0]["sequence"] += 1
            due_ns = np.int64(scene.world.head[0]["now_ns"] + agent["answer_ns"])
            push_wait(crowd.waits, due_ns, np.int64(crowd.head[0]["sequence"]), -(agents + index) - 1)


@kernel
def watch_balance(scene):
    """The book has changed.  Room was checked."""
    head = scene.crowd.head[0]
    if head["warned"] == 0:
        return
    buys = np.int64(head["standing_buy_lots"])
    sells = np.int64(head["standing_sell_lots"])
    balance = np.int64(BALANCED)
    if ONE_SIDED * buys < sells:
        balance = np.int64(FEW_BUYS)
    elif ONE_SIDED * sells < buys:
        balance = np.int64(FEW_SELLS)
    if balance != head["balance"]:
        head["balance"] = balance
        if balance != BALANCED:
            _warn(scene)
