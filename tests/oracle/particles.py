"""Particles of one queue, one guess at a time: docs/rules.md, section 4b."""

from __future__ import annotations

import math

from lobsim.types import QueueModel
from tests.oracle.replay_l3 import WORD, splitmix64

UNIT = 2.0**-53


def share_ahead(model: QueueModel, power: float, ahead: float, behind: float) -> float:
    """pi of section 4 in double precision."""
    total = ahead + behind
    if model == QueueModel.PROPORTIONAL:
        return ahead / total
    if model == QueueModel.POWER:
        front, back = (ahead / total) ** power, (behind / total) ** power
        return front / (front + back)
    if model == QueueModel.LOG:
        return math.log1p(ahead) / (math.log1p(ahead) + math.log1p(behind))
    if model == QueueModel.LOG2:
        return 1 - math.log1p(behind) / math.log1p(total)
    if model == QueueModel.POWER2:
        return 1 - (behind / total) ** power
    return (ahead / total) ** power


class OracleParticles:
    """``traded`` and ``shown`` move ``ahead``; ``fill_seconds`` draws one future each."""

    def __init__(
        self, shown: int, own: int, model: QueueModel, power: float, particles: int, clump: int, seed: int
    ) -> None:
        self.shown_lots, self.own, self.model, self.power, self.clump, self.seed = shown, own, model, power, clump, seed
        self.ahead = [shown] * particles
        self.draws = 0

    def uniform(self) -> float:
        word = splitmix64((splitmix64(self.seed & WORD) + self.draws) & WORD)
        self.draws += 1
        return ((word >> 11) + 1) * UNIT

    def traded(self, lots: int) -> None:
        self.shown_lots = max(0, self.shown_lots - lots)
        self.ahead = [min(max(ahead - lots, -self.own), self.shown_lots) for ahead in self.ahead]

    def falls_ahead(self, ahead: int, behind: int) -> bool:
        if ahead <= 0 or behind == 0:
            return ahead > 0
        if self.model == QueueModel.RISK_AVERSE:
            return False
        return self.uniform() <= share_ahead(self.model, self.power, ahead, behind)

    def shown(self, lots: int) -> None:
        missing = max(0, self.shown_lots - lots)
        clump = max(self.clump, math.ceil(missing / 64))
        clumps = [clump] * (missing // clump) + [missing % clump] * (missing % clump > 0)
        for k, ahead in enumerate(self.ahead):
            shown = self.shown_lots
            for part in clumps:
                behind = shown - max(ahead, 0)
                from_front = min(part, ahead) if self.falls_ahead(ahead, behind) else max(0, part - behind)
                ahead -= from_front
                shown -= part
            self.ahead[k] = ahead
        self.shown_lots = lots

    def fill_seconds(self, executions: float, mean_lots: float, cancels: float, horizon_s: float) -> list[float]:
        return [self._future(ahead, executions, mean_lots, cancels, horizon_s) for ahead in self.ahead]

    def _future(self, ahead: int, executions: float, mean_lots: float, cancels: float, horizon_s: float) -> float:
        now_s, behind = 0.0, self.shown_lots - max(ahead, 0)
        while ahead > -self.own and now_s <= horizon_s:
            leaving = cancels * (ahead + behind) / self.clump if ahead > 0 else 0.0
            if executions + leaving == 0:
                return math.inf
            now_s += -math.log(self.uniform()) / (executions + leaving)
            if self.uniform() * (executions + leaving) <= executions:
                lots = 1 if mean_lots <= 1 else 1 + math.floor(math.log(self.uniform()) / math.log(1 - 1 / mean_lots))
                ahead = max(ahead - lots, -self.own)
            elif self.falls_ahead(ahead, behind):
                ahead -= min(self.clump, ahead)
        return now_s
