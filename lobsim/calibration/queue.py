"""Which queue model tells the truth about a symbol: fitted on the first half of its orders, judged on the second.

Fitted is the exponent of the models that have one, and which model is chosen: the least mean absolute error of the quantity ahead.  Judged are that error, by decile of
the true position in the queue, the fill times, and the forecast "filled within T" (1 or 0 from one model; the mean over the models judged is a probability).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from lobsim.calibration.sampling import draw
from lobsim.calibration.scores import (
    DECILES,
    FillTimes,
    QueueError,
    ReliabilityPoint,
    brier,
    decile_of,
    fill_times,
    queue_error,
    reliability,
)
from lobsim.calibration.shadow_orders import Followed, Model, Shadow, ShadowRuns, make_shadows
from lobsim.calibration.stories import Story, read_stories
from lobsim.config import MarketConfig
from lobsim.errors import ConfigError, DataError
from lobsim.feeds.schema import Dataset
from lobsim.market import Market
from lobsim.projection import to_levels
from lobsim.types import Impact, QueueModel

HORIZONS_S = (1, 10, 60, 300)
EXPONENTS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 12.0)
FIXED = tuple(
    Model(model) for model in (QueueModel.RISK_AVERSE, QueueModel.PROPORTIONAL, QueueModel.LOG, QueueModel.LOG2)
)
FITTED = (QueueModel.POWER, QueueModel.POWER2, QueueModel.POWER3)
DEFAULT = Model(QueueModel.POWER3, 3.0)


class Forecast(NamedTuple):
    """How good "filled within so many seconds" is."""

    horizon_s: int
    brier: float
    never_brier: float
    reliability: tuple[ReliabilityPoint, ...]


@dataclass(frozen=True)
class ModelScore:
    """One model on the second half; ``fitted`` is its error on the first.  Of a mix of models there are forecasts only."""

    name: str
    fitted: QueueError | None
    judged: QueueError | None
    deciles: tuple[QueueError | None, ...]
    fills: FillTimes | None
    forecasts: tuple[Forecast, ...]


@dataclass(frozen=True)
class QueueCalibration:
    """What `calibrate_queue` found.

    orders        followed in the first and in the second half
    left_out      sampled orders that others of their own instant kept from joining where they stood
    looks         at queues, in the second half
    queue_mean    lots at the price of an order, mean over these
    order_mean    lots of an order, mean over those judged: where it is near the mean queue, few orders share a price and the model matters little
    decile_looks  of these by tenth of the true position
    grid          mean absolute error in the first half, of everything tried
    scores        the fixed models, each fitted model at its best exponent, the default, and the mix of all of them
    chosen        the least error in the first half
    """

    orders: tuple[int, int]
    left_out: int
    looks: int
    queue_mean: float
    order_mean: float
    decile_looks: tuple[int, ...]
    grid: dict[str, float]
    scores: tuple[ModelScore, ...]
    chosen: Model

    def settings(self) -> dict[str, Any]:
        """What MarketConfig takes."""
        return {"queue_model": self.chosen.queue_model.name.lower(), "queue_power": self.chosen.queue_power}

    def as_json(self) -> dict[str, Any]:
        """Plain values for a JSON object."""
        return self.settings() | {
            "orders_fitted": self.orders[0],
            "orders_judged": self.orders[1],
            "left_out": self.left_out,
            "looks": self.looks,
            "queue_mean_lots": self.queue_mean,
            "order_mean_lots": self.order_mean,
            "decile_looks": list(self.decile_looks),
            "fit_mean_absolute_percent": self.grid,
            "models": [_score_json(score) for score in self.scores],
        }


def _score_json(score: ModelScore) -> dict[str, Any]:
    plain = asdict(score)
    plain["fitted"] = score.fitted._asdict() if score.fitted else None
    plain["judged"] = score.judged._asdict() if score.judged else None
    plain["deciles"] = [each._asdict() if each else None for each in score.deciles]
    plain["fills"] = score.fills._asdict() if score.fills else None
    plain["forecasts"] = [
        each._asdict() | {"reliability": [point._asdict() for point in each.reliability]} for each in score.forecasts
    ]
    return plain


class _Half(NamedTuple):
    """The orders of one half and what became of them: followed[order][model]; weights make up for the strata."""

    shadows: list[Shadow]
    models: tuple[Model, ...]
    followed: list[list[Followed]]
    weights: np.ndarray
    left_out: int

    def errors(self, model: Model) -> np.ndarray:
        """Model minus truth at every look, lots; nobody is ahead of a shadow that was filled already."""
        place = self.models.index(model)
        parts = [each[place].ahead - shadow.ahead for shadow, each in zip(self.shadows, self.followed, strict=True)]
        return np.concatenate([*parts, np.zeros(0)])

    def truth(self) -> tuple[np.ndarray, np.ndarray]:
        """Lots truly ahead, and lots at the price, at every look."""
        nothing = [np.zeros(0, np.int64)]
        ahead = np.concatenate([shadow.ahead for shadow in self.shadows] + nothing)
        return ahead, np.concatenate([shadow.queue for shadow in self.shadows] + nothing)

    def filled_ns(self, model: Model) -> np.ndarray:
        """Hold times under a model, -1 for none."""
        place = self.models.index(model)
        return np.array([each[place].filled_ns for each in self.followed], np.int64)


def calibrate_queue(
    dataset: Dataset,
    count: int,
    seed: int = 0,
    exponents: Sequence[float] = EXPONENTS,
    progress: Callable[[int], None] | None = None,
) -> QueueCalibration:
    """Fit and judge the queue models on one order by order data set.

    count      orders to follow, half of them in each half
    exponents  to be tried for POWER, POWER2 and POWER3, at least one
    progress   called with the number of orders done

    Raises ConfigError for data without identities to delete or a count below 2, DataError where there are too few orders.
    """
    if count < 2:
        raise ConfigError(f"{count} orders are to be followed, at least 2 are needed")
    levels = Market(to_levels(dataset), MarketConfig(impact=Impact.NONE))
    orders = Market(dataset)
    stories = read_stories(orders.tape)
    middle = len(stories) // 2
    grid = (*FIXED, *(Model(model, power) for model in FITTED for power in exponents))
    report = progress or (lambda _done: None)
    first = _follow_half(orders, levels, stories[:middle], count // 2, seed, grid, report)
    fits = {model: queue_error(*_looked(first, model)) for model in grid}
    if not any(fits.values()):
        raise DataError("too few orders rest at a price that changes", file=dataset.info.source)
    best = {family: _least(fits, family) for family in FITTED}
    wanted: list[Model] = [*FIXED, *best.values(), *([DEFAULT] if DEFAULT in fits else [])]
    judged = tuple(model for place, model in enumerate(wanted) if model not in wanted[:place])
    second = _follow_half(
        orders, levels, stories[middle:], count // 2, seed + 1, judged, lambda done: report(count // 2 + done)
    )
    return _judge(first, second, fits, min(judged, key=lambda model: _size(fits[model])))


def _looked(half: _Half, model: Model) -> tuple[np.ndarray, float]:
    """Errors at every look, and the mean queue."""
    _, queue = half.truth()
    return half.errors(model), float(queue.mean()) if len(queue) else 0.0


def _size(error: QueueError | None) -> float:
    return error.mean_absolute_percent if error else np.inf


def _least(fits: dict[Model, QueueError | None], family: QueueModel) -> Model:
    return min((model for model in fits if model.queue_model == family), key=lambda model: _size(fits[model]))


def _follow_half(
    orders: Market,
    levels: Market,
    stories: Sequence[Story],
    count: int,
    seed: int,
    models: tuple[Model, ...],
    progress: Callable[[int], None],
) -> _Half:
    sample = draw(stories, count, seed)
    population, sampled = (Counter(story.stratum for story in group) for group in (stories, sample))
    runs = ShadowRuns(levels)
    shadows, followed = [], []
    for done, shadow in enumerate(make_shadows(orders, levels, sample)):
        found = runs.follow(shadow, models)
        if found is not None:
            shadows.append(shadow)
            followed.append(found)
        if done % 16 == 0:
            progress(done)
    strata = [shadow.story.stratum for shadow in shadows]
    weights = np.array([population[stratum] / sampled[stratum] for stratum in strata])
    return _Half(shadows, models, followed, weights, len(sample) - len(shadows))


def _judge(first: _Half, second: _Half, fits: dict[Model, QueueError | None], chosen: Model) -> QueueCalibration:
    ahead, queue = second.truth()
    deciles = decile_of(ahead, queue)
    queue_mean = float(queue.mean()) if len(queue) else 0.0
    true_ns = np.array([shadow.filled_ns for shadow in second.shadows], np.int64)
    scores = []
    for model in second.models:
        errors = second.errors(model)
        filled_ns = second.filled_ns(model)
        scores.append(
            ModelScore(
                name=str(model),
                fitted=fits[model],
                judged=queue_error(errors, queue_mean),
                deciles=tuple(queue_error(errors[deciles == part], queue_mean) for part in range(DECILES)),
                fills=fill_times(filled_ns, true_ns),
                forecasts=_forecasts([filled_ns], true_ns, second.weights),
            )
        )
    mix = _forecasts([second.filled_ns(model) for model in second.models], true_ns, second.weights)
    scores.append(ModelScore("mean of all", None, None, (), None, mix))
    return QueueCalibration(
        orders=(len(first.shadows), len(second.shadows)),
        left_out=first.left_out + second.left_out,
        looks=len(queue),
        queue_mean=queue_mean,
        order_mean=float(np.mean([shadow.story.size_lots for shadow in second.shadows])) if second.shadows else 0.0,
        decile_looks=tuple(int((deciles == part).sum()) for part in range(DECILES)),
        grid={str(model): error.mean_absolute_percent for model, error in fits.items() if error},
        scores=tuple(scores),
        chosen=chosen,
    )


def _forecasts(filled_ns: Sequence[np.ndarray], true_ns: np.ndarray, weights: np.ndarray) -> tuple[Forecast, ...]:
    """What models, each saying yes or no, say together; nothing for no order."""
    if not len(true_ns):
        return ()
    found = []
    for horizon_s in HORIZONS_S:
        happened = _within(true_ns, horizon_s)
        forecast = np.mean([_within(each, horizon_s) for each in filled_ns], axis=0)
        found.append(
            Forecast(
                horizon_s,
                brier(forecast, happened, weights),
                brier(np.zeros(len(happened)), happened, weights),
                reliability(forecast, happened, weights),
            )
        )
    return tuple(found)


def _within(filled_ns: np.ndarray, horizon_s: int) -> np.ndarray:
    return ((filled_ns >= 0) & (filled_ns <= horizon_s * 10**9)).astype(np.float64)
