"""Whether the next event of a crowd fits, whatever it turns out to be."""

from __future__ import annotations

import numpy as np

from lobsim.core.agents.metaorders import metaorder_room
from lobsim.core.agents.view import touches_room
from lobsim.core.book import room
from lobsim.core.calendar import calendar_room
from lobsim.core.jit import kernel
from lobsim.core.mailbox import mail_room
from lobsim.core.publication import hear, ring_room
from lobsim.types import Status

MOST_REQUESTS = 128
"""No agent sends more requests at one wake."""


@kernel
def _room_for_participant(world, orders):
    """Room for what a participant is told of one event of the crowd."""
    head = world.head[0]
    resting = np.int64(world.book.head[0]["own_resting"])
    if head["fills"] + resting + MOST_REQUESTS > len(world.fills):
        return Status.ROOM_FILLS
    if not mail_room(world, resting + MOST_REQUESTS):
        return Status.ROOM_MAILBOX
    entries = 2 * (orders + 2 * MOST_REQUESTS)
    if head["publish"] != 0 and not ring_room(world, entries):
        status = hear(world, np.int64(head["now_ns"]))
        if status != Status.OK:
            return status
        if not ring_room(world, entries):
            return Status.ROOM_RING
    return Status.OK


@kernel
def crowd_room(scene):
    """A Status: OK, or what room is missing.

    An agent sends at most MOST_REQUESTS; together they trade at most with all that rests, and each trade is told to both of its sides.
    """
    world = scene.world
    crowd = scene.crowd
    book = world.book
    head = crowd.head[0]
    status = room(book, 2 * MOST_REQUESTS)
    if status != Status.OK:
        return status
    # What has happened and was not followed yet (a participant was forced out) has left the book already.
    orders = np.int64(book.sides[0]["orders"]) + np.int64(book.sides[1]["orders"]) + np.int64(world.head[0]["answered"])
    if len(world.reports) < orders + 8:
        return Status.ROOM_REPORTS
    if head["fresh"] + MOST_REQUESTS > len(crowd.orders):
        return Status.ROOM_CROWD_ORDERS
    told = 2 * (orders + 2 * MOST_REQUESTS)
    if not calendar_room(crowd.waits, told + MOST_REQUESTS * np.int64(head["warned"] + head["watchers"])):
        return Status.ROOM_CROWD_MAIL
    if head["outside"] > 0 and head["news"] + told > len(crowd.news):
        return Status.ROOM_NEWS
    if head["touching"] and not touches_room(scene, MOST_REQUESTS):
        return Status.ROOM_TOUCHES
    if head["logging"] and head["logged"] + 3 * orders + 2 * MOST_REQUESTS > len(crowd.log):
        return Status.ROOM_LOG
    if head["logging"] and not metaorder_room(crowd):
        return Status.ROOM_METAORDERS
    if world.head[0]["publish"] or book.head[0]["own_resting"] > 0:
        return _room_for_participant(world, orders)
    return Status.OK
