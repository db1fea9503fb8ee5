"""Many simulated markets moved on in one call and over several threads.

Each is exactly what it would be alone, event for event, whatever its neighbours do and however many threads there are (`lobsim.batch`).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lobsim.batch import Batch
from lobsim.core.agents.loop import advance_scenes
from lobsim.core.agents.making import roomier_scene, take_log, take_metaorders
from lobsim.core.agents.state import Scene
from lobsim.core.world import scratch
from lobsim.crew import Errand, slices, thread_count
from lobsim.types import Status

_CHUNK_EVENTS = 100_000
_ALONE_EVENTS = 4_000


class Scenes(Batch[Scene]):
    """Many scenes (``SimulationRun.scene``), copied in; they may be of different presets, sizes and seeds.

    ``statuses`` int64 [scenes]: how each stood after the last call, a Status; CHUNK if it has not arrived because the call was interrupted
    ``rows``     of each scene that is written down: its events that are no longer in its log, TAPE arrays
    """

    def __init__(self, states: Iterable[Scene]) -> None:
        super().__init__(states)
        self.statuses = np.full(len(self), int(Status.DONE))
        self.rows: list[list[np.ndarray]] = [[] for _ in range(len(self))]

    def advance(
        self, until_ns: int | np.ndarray, threads: int | None = None, which: np.ndarray | None = None
    ) -> np.ndarray:
        """Run every scene to its participant's next decision (WAKE) or to its time (DONE), as SimulationRun.advance does with one.

        until_ns  one time for all, or int64 [scenes]
        threads   how many; None: as many as this process may use
        which     bool [scenes]: the others stand still; None: all move

        Returns ``statuses``.  After Ctrl-C ``which=batch.statuses == Status.CHUNK`` finishes the call.
        """
        until = np.ascontiguousarray(np.broadcast_to(np.asarray(until_ns, np.int64), len(self)))
        block, statuses = self._whole(), self.statuses
        statuses[slice(None) if which is None else which] = Status.CHUNK

        def work(errand: Errand, part: int) -> None:
            start, stop = errand.parts[part]
            messages, spare = scratch()
            while start < stop and not errand.stopped:
                start, status, left = advance_scenes(
                    block, self._states[0], start, stop, until, _CHUNK_EVENTS, statuses, messages, spare
                )
                errand.done += _CHUNK_EVENTS - left
                if start < stop and status != Status.CHUNK:
                    self._make_room(start, Status(status))

        count = thread_count(threads)
        self._crew.run(slices(len(self), count), work, _ALONE_EVENTS, count)
        return statuses

    def _make_room(self, index: int, status: Status) -> None:
        """A scene gets more room; a log that is mostly full is emptied instead."""
        scene = self._states[index]
        if status == Status.ROOM_LOG and 2 * scene.crowd.head[0]["logged"] > len(scene.crowd.log):
            self.rows[index].append(take_log(scene))
        else:
            self[index] = roomier_scene(scene, status)

    def take_rows(self, index: int) -> np.ndarray:
        """The events of one scene since they were taken last: TAPE [any]."""
        rows = np.concatenate([*self.rows[index], take_log(self._states[index])])
        self.rows[index] = []
        return rows

    def take_metaorders(self, index: int) -> np.ndarray:
        """The metaorders of one scene that were done since they were taken last: METAORDER [any]."""
        return take_metaorders(self._states[index])
