"""The metaorders of a scene as the slow twins write them."""

from __future__ import annotations

from lobsim.core.agents.making import take_metaorders
from lobsim.core.agents.state import Scene

Told = tuple[int, int, int, int, int]
"""side, start_ns, end_ns, lots, children"""


def metaorders_of(scene: Scene, *agents: int) -> list[Told]:
    """Those of some agents, in the order in which they were closed; nobody else closes any."""
    records = take_metaorders(scene)
    assert set(records["agent"].tolist()) <= set(agents)
    assert records["serial"].tolist() == list(range(1, len(records) + 1))
    names = ("side", "start_ns", "end_ns", "lots", "children")
    return [tuple(int(record[name]) for name in names) for record in records]  # type: ignore[return-value]
