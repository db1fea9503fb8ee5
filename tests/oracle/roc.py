"""Area under a ROC curve by counting pairs."""

from __future__ import annotations

from collections.abc import Sequence


def pair_count_area(score: Sequence[float], label: Sequence[bool], weight: Sequence[float]) -> float:
    """Share of pairs, one of each kind, in which the labelled one scores higher; half for a tie."""
    won = every = 0.0
    for a, a_is, a_weight in zip(score, label, weight, strict=True):
        for b, b_is, b_weight in zip(score, label, weight, strict=True):
            if a_is and not b_is:
                every += a_weight * b_weight
                won += a_weight * b_weight * (1.0 if a > b else 0.5 if a == b else 0.0)
    return won / every
