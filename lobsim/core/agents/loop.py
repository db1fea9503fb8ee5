"""The event loop of a scene: the world's own events and the crowd's, in one order of time.

At one instant: time limits and the recorded row, then flows, then the crowd's messages and wakes by their sequence, then own messages and the participant's decision.
The world's events go through `lobsim.core.loop.step` as they do without a crowd.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.agents.clocks import adjust_clocks, wind_clock
from lobsim.core.agents.follow import follow_world
from lobsim.core.agents.kinds import act, heed, let_notice, recall
from lobsim.core.agents.orders import deliver_request
from lobsim.core.agents.outside import is_outside, wake_outside, wake_roused
from lobsim.core.agents.replies import carry_out_replies
from lobsim.core.agents.room import crowd_room
from lobsim.core.agents.state import REMINDER
from lobsim.core.agents.venue import hear_answer
from lobsim.core.calendar import first_ref, first_wait_ns, pop_wait, push_wait
from lobsim.core.chance import begin_event
from lobsim.core.jit import borrow, borrow_array, inline, kernel, view, whole
from lobsim.core.loop import first_early_ns, first_late_ns, step
from lobsim.core.own import remember_touch
from lobsim.core.publication import note_touch
from lobsim.types import NEVER, Flag, Status


@inline
def _first_flow(crowd):
    """(index, time) of the flow that acts first, index -1 without any."""
    first = np.int64(-1)
    due_ns = np.int64(NEVER)
    for index in range(crowd.head[0]["flows"]):
        if crowd.agents[index]["due_ns"] < due_ns:
            due_ns = np.int64(crowd.agents[index]["due_ns"])
            first = index
    return first, due_ns


@kernel
def wake_agent(scene, index):
    """An agent's turn, and when its next one is."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    agent["wakes"] += 1
    begin_event(agent)
    next_ns = act(scene, index)
    if index < crowd.head[0]["flows"]:
        wind_clock(scene, index)
        return
    crowd.head[0]["wakes"] += 1
    if next_ns != NEVER:
        crowd.head[0]["sequence"] += 1
        push_wait(crowd.waits, next_ns, np.int64(crowd.head[0]["sequence"]), -index - 1)


@kernel
def _warn_agent(scene, index):
    """An agent hears that the book is one-sided; when it wakes next stays as it is."""
    scene.crowd.agents[index]["wakes"] += 1
    scene.crowd.head[0]["wakes"] += 1
    begin_event(scene.crowd.agents[index])
    heed(scene, index)


@kernel
def _remind_agent(scene, mail):
    """An agent is reminded of what it wanted to do now."""
    index = np.int64(mail["agent"])
    begin_event(scene.crowd.agents[index])
    recall(
        scene, index, np.int64(mail["verb"]), np.int64(mail["side"]), np.int64(mail["order"]), np.int64(mail["serial"])
    )


@kernel
def _next_of_crowd(scene):
    """What waits longest in the calendar happens: a message arrives or an agent wakes."""
    crowd = scene.crowd
    ref = pop_wait(crowd.waits)
    if ref < 0:
        index = -ref - 1
        if index < len(crowd.agents):
            if is_outside(crowd, index):
                wake_outside(scene, index)
            else:
                wake_agent(scene, index)
        elif index < 2 * len(crowd.agents):
            _warn_agent(scene, index - len(crowd.agents))
        else:
            wake_roused(scene, index - 2 * len(crowd.agents))
        return
    mail = crowd.mail[ref]
    if mail["to_venue"] == REMINDER:
        _remind_agent(scene, mail)
    elif mail["to_venue"]:
        deliver_request(scene, ref)
    else:
        hear_answer(scene, mail)
    mail["free"] = crowd.head[0]["mail_free"]
    crowd.head[0]["mail_free"] = ref


@kernel
def _crowd_event(scene, now_ns, flow):
    """One event of the crowd.  flow: index of the flow that acts, -1: the first of the calendar"""
    world = scene.world
    world.head[0]["now_ns"] = max(np.int64(world.head[0]["now_ns"]), now_ns)
    bid_key = world.book.sides[0]["best_key"]
    ask_key = world.book.sides[1]["best_key"]
    remember_touch(world)
    if flow >= 0:
        wake_agent(scene, flow)
    else:
        _next_of_crowd(scene)
    if scene.crowd.head[0]["noticing"]:
        let_notice(scene)
    if scene.crowd.head[0]["changed"]:
        adjust_clocks(scene, flow)
        note_touch(world, bid_key, ask_key)


@kernel
def _follow(scene, ends):
    """The world has moved on by itself: the crowd has its part of it.  ends: the event ends its packet"""
    follow_world(scene, ends)
    if scene.crowd.head[0]["noticing"]:
        let_notice(scene)
    adjust_clocks(scene, np.int64(-1))


@kernel
def _asks_another(scene):
    """Whether the next event asks one more agent outside at this instant; what those before him decide leaves only after it."""
    crowd = scene.crowd
    head = crowd.head[0]
    now_ns = scene.world.head[0]["now_ns"]
    last = np.int64(crowd.asked[head["asked"] - 1]["agent"])
    if first_wait_ns(crowd.waits) != now_ns or crowd.agents[last]["order_ns"] == 0:
        return False
    _, flow_ns = _first_flow(crowd)
    index = -first_ref(crowd.waits) - 1
    if flow_ns <= now_ns or index < 0:
        return False
    agents = len(crowd.agents)
    return index >= 2 * agents or (index < agents and is_outside(crowd, index))


@kernel
def _take_replies(scene):
    """Agents outside have been asked: what they decided is carried out.  Returns OK, or the room that is missing."""
    head = scene.crowd.head[0]
    head["asked"] = 0
    head["opens"] = 0
    status = carry_out_replies(scene)
    if status == Status.OK:
        head["handed"] = 0
    return status


@kernel
def _step_world(scene, until_ns, messages, spare):
    """The world's next event, if it is due by until_ns, and what the crowd has of it.  Returns a Status, as `step` does."""
    status = crowd_room(scene)
    if status == Status.OK:
        world = scene.world
        row = np.int64(world.head[0]["cursor"])
        status = step(world, until_ns, messages, spare)
        if status == Status.OK:
            _follow(scene, world.head[0]["cursor"] == row or world.tape[row]["flags"] & Flag.LAST_IN_PACKET != 0)
    return status


@kernel
def advance_scene(scene, until_ns, budget, messages, spare):
    """Run a scene to the next decision, that of the participant or, if ``Crowd.asked`` has entries, of agents outside.  What they replied is carried out first.

    until_ns  events at this time still happen
    budget    how many events at most in this call
    messages  MESSAGE [1], scratch;  spare  GAP [any], scratch

    Returns (Status as a number, budget left): WAKE, DONE, CHUNK, or what room is missing, with nothing of the next event applied.
    """
    scene = borrow(scene)
    messages = borrow_array(messages)
    spare = borrow_array(spare)
    world = scene.world
    crowd = scene.crowd
    if crowd.head[0]["handed"] > 0:
        status = _take_replies(scene)
        if status != Status.OK:
            return np.int64(status), budget
    if world.head[0]["answered"] > 0:  # a participant was forced out from outside
        status = crowd_room(scene)
        if status != Status.OK:
            return np.int64(status), budget
        _follow(scene, True)
    while budget > 0:
        flow, flow_ns = _first_flow(crowd)
        wait_ns = first_wait_ns(crowd.waits)
        crowd_ns = min(flow_ns, wait_ns)
        if first_early_ns(world) <= crowd_ns or first_late_ns(world) < crowd_ns or crowd_ns > until_ns:
            status = _step_world(scene, until_ns, messages, spare)
            if status != Status.OK:
                return np.int64(status), budget
        else:
            status = crowd_room(scene)
            if status != Status.OK:
                return np.int64(status), budget
            _crowd_event(scene, crowd_ns, flow if flow_ns <= wait_ns else np.int64(-1))
            if crowd.head[0]["asked"] > 0 and not _asks_another(scene):
                crowd.head[0]["handed"] = 1
                return np.int64(Status.WAKE), budget - 1
        budget -= 1
    return np.int64(Status.CHUNK), budget


@kernel
def advance_scenes(block, sample, start, stop, until_ns, budget, statuses, messages, spare):
    """Run the scenes block[start:stop] that are to move, each to its next decision or its time.

    sample    any scene of the batch: it tells the type
    until_ns  int64 [scenes]
    budget    how many events at most in this call
    statuses  int64 [scenes]: CHUNK means "to move"; becomes WAKE or DONE
    messages  MESSAGE [1], scratch;  spare  GAP [any], scratch

    Returns (index, status, budget left): index == stop when all have arrived; else that of the scene to go on with, and CHUNK or the room it lacks.
    """
    for i in range(start, stop):
        if statuses[i] == Status.CHUNK:
            scene = view(block, i, sample)
            status, budget = advance_scene(whole(scene), until_ns[i], budget, messages, spare)
            if status == Status.CHUNK or status > Status.DONE:
                return i, status, budget
            statuses[i] = status
    return stop, np.int64(Status.DONE), budget
