"""LiveOrders against a dictionary, message by message."""

from __future__ import annotations

import numpy as np
import pytest

from lobsim.feeds.live_orders import Act, LiveOrders
from lobsim.types import NONE

NOBODY = (0, NONE, 0)
Message = tuple[int, int, int, int, int]


def _apply(
    orders: dict[int, tuple[int, int, int]], message: Message, before: tuple[int, int, int]
) -> tuple[int, int, int]:
    """What was there before one message, which then happens; ``before``: what the message before it found."""
    act, order_id, amount, side, price = message
    found = NOBODY if act == Act.CLEAR else orders.get(order_id, NOBODY)
    if act == Act.SET:
        taken_over = side == NONE
        orders.pop(order_id, None)
        if not taken_over or before[0] > 0:
            orders[order_id] = (amount, before[1] if taken_over else side, price)
    elif act == Act.TAKE and found[0] > amount:
        orders[order_id] = (found[0] - amount, *found[1:])
    elif act in (Act.TAKE, Act.END):
        orders.pop(order_id, None)
    elif act == Act.CLEAR:
        orders.clear()
    return found


def _block(random: np.random.Generator) -> list[Message]:
    """Some messages about four orders."""
    messages: list[Message] = []
    for _ in range(random.integers(0, 14)):
        act, order_id, amount = (
            int(random.choice(6, p=[0.3, 0.3, 0.1, 0.1, 0.03, 0.17])),
            *(int(n) for n in random.integers(1, 6, 2)),
        )
        side, price = int(random.integers(0, 2)), int(random.integers(1, 99))
        if act < 5:
            messages.append((act, NONE if act == Act.CLEAR else order_id, amount, side, price))
        else:
            other = order_id % 5 + 1
            messages += [(Act.END, order_id, 0, NONE, 0), (Act.SET, other, amount, NONE, price)]
    return messages


@pytest.mark.parametrize("seed", range(40))
def test_every_message_finds_what_a_dictionary_holds(seed: int) -> None:
    random = np.random.default_rng(seed)
    live, orders = LiveOrders(), dict[int, tuple[int, int, int]]()
    for _ in range(25):
        messages, expected, before = _block(random), [], NOBODY
        for message in messages:
            before = _apply(orders, message, before)
            expected.append(before)
        table = np.array(messages, dtype=np.int64).reshape(-1, 5)
        found = live.follow(*(table[:, k].copy() for k in range(5)))
        assert expected == list(zip(*(column.tolist() for column in found), strict=True))
        kept = zip(live.size.tolist(), live.side.tolist(), live.price.tolist(), strict=True)
        assert orders == dict(zip(live.ids.tolist(), kept, strict=True))
