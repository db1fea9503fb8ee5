"""The slow calendar: a sorted list of (time, sequence, ref)."""

from __future__ import annotations

from bisect import insort

from lobsim.types import NEVER


class OracleCalendar:
    """Waits in order of (time, sequence)."""

    def __init__(self) -> None:
        self.waits: list[tuple[int, int, int]] = []

    @property
    def first_ns(self) -> int:
        """Time of the first wait, NEVER if there is none."""
        return self.waits[0][0] if self.waits else NEVER

    def push(self, ts_ns: int, sequence: int, ref: int) -> None:
        """Something waits for ts_ns."""
        insort(self.waits, (ts_ns, sequence, ref))

    def pop(self) -> int:
        """Take the first wait out; answers its ref."""
        return self.waits.pop(0)[2]
