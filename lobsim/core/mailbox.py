"""Messages in flight between the participant and the venue, each with its own leg and no overtaking.

The pool is a free list over MAIL; the order of arrival is a calendar of (due time, rank and sequence): at one instant what arrives at the venue
comes before what arrives at the participant.  A message waits in the calendar under its slot.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.calendar import calendar_room, pop_wait, push_wait
from lobsim.core.jit import inline, kernel
from lobsim.core.latency import answer_due_ns, is_row_rejected, request_due_ns

_RANK = 2**48


@inline
def mail_room(world, messages):
    """Whether that many messages more fit."""
    return calendar_room(world.transit, messages)


@kernel
def send(world, to_venue, verb, order, price_ticks, size, remaining, reason):
    """Put one message on its way.

    to_venue   1: a request of the participant (verb is a Verb); 0: an answer (a ReportKind)
    order      index of the own order
    size       units

    changes: mail, transit, the last due time of that direction
    """
    head = world.head[0]
    slot = np.int64(head["mail_free"])
    if slot != 0:
        head["mail_free"] = world.mail[slot]["free"]
    else:
        slot = np.int64(head["mail_fresh"])
        head["mail_fresh"] += 1
    mail = world.mail[slot]
    mail["order"] = order
    mail["price_ticks"] = price_ticks
    mail["size"] = size
    mail["remaining"] = remaining
    mail["verb"] = verb
    mail["reason"] = reason
    mail["to_venue"] = to_venue
    mail["flags"] = 0
    if to_venue:
        due_ns = head["now_ns"] + head["computing_ns"] + head["order_ns"]
        if head["legs_vary"]:
            due_ns = request_due_ns(world, verb)
            mail["flags"] = is_row_rejected(world, verb)
        due_ns = max(np.int64(head["last_to_venue_ns"]), due_ns)
        head["last_to_venue_ns"] = due_ns
    else:
        due_ns = head["now_ns"] + head["response_ns"]
        if head["legs_vary"]:
            due_ns = answer_due_ns(world, verb)
        due_ns = max(np.int64(head["last_to_owner_ns"]), due_ns)
        head["last_to_owner_ns"] = due_ns
    rank = 0 if to_venue else _RANK
    push_wait(world.transit, due_ns, rank + head["mail_sequence"], slot)
    head["mail_sequence"] += 1


@inline
def receive(world):
    """Take the first message out of transit.  Returns its slot; give it back with `discard`."""
    return pop_wait(world.transit)


@inline
def discard(world, slot):
    """Return a message's slot to the pool."""
    head = world.head[0]
    world.mail[slot]["free"] = head["mail_free"]
    head["mail_free"] = slot
