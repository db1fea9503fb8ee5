"""Agents of a simulated market that decide outside the compiled floor: their places in a preset, and what passes between them and a run.

    run.advance(...) answers WAKE;  run.asked: who is asked, with what he sees;  run.opens: their open orders;  run.reply(...): what they decided

An agent with an order delay who wakes at the instant at which others do, one directly after the other, is asked together with them: what one of them decides cannot reach
the venue before the others have decided, so this is the same market as one after the other.  An agent without delay is asked alone.  `execution.agents` does all this for
algorithms written in Python.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import model_validator

from lobsim.core.agents.outside import MEMORY
from lobsim.core.agents.state import REPLY, REPLY_CANCEL, REPLY_LIMIT, REPLY_MARKET, REPLY_WAKE
from lobsim.simulation.families import Setting
from lobsim.simulation.traders import Span, Trader
from lobsim.types import AgentKind

__all__ = ["REPLY", "REPLY_CANCEL", "REPLY_LIMIT", "REPLY_MARKET", "REPLY_WAKE", "Outside", "wakes_at"]


class Outside(Trader):
    """Places for agents that decide outside; their delays are told one by one, or drawn on a ``line``."""

    family: Literal["outside"]
    agent_kind: ClassVar[AgentKind] = AgentKind.OUTSIDE

    order: Span = 0
    """a request takes so long to the venue"""
    answer: Span = 0
    """an answer so long back"""
    feed: Span = 0
    """they see the market as it was so long ago"""

    @model_validator(mode="after")
    def _delays_are_told_once(self) -> Outside:
        if (self.line or self.computing) and (self.order or self.answer or self.feed):
            raise ValueError("delays are told either by line and computing, or by order, answer and feed")
        return self

    @property
    def delays_ns(self) -> tuple[int, int, int]:
        """Order, answer, feed."""
        return self.order, self.answer, self.feed

    def numbers(self, setting: Setting) -> list[float]:
        """It has none."""
        return []

    def memory(self, setting: Setting) -> list[float]:
        """What wakes it, as `lobsim.core.agents.outside` lays it out: nothing but its wishes."""
        return [0.0] * MEMORY


def wakes_at(agents: np.ndarray, time_ns: int) -> np.ndarray:
    """Replies that ask for a turn at a time, one for each agent.  agents: int64 [any], their indices.  Returns REPLY [as many]"""
    replies = np.zeros(len(agents), REPLY)
    replies["agent"], replies["kind"], replies["time_ns"] = agents, REPLY_WAKE, time_ns
    return replies
