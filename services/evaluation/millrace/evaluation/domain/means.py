"""Is the mean of bounded values above a threshold? Asked after every value, soundly."""

from dataclasses import dataclass, field
from math import log
from typing import Any, Self

import numpy as np

from millrace.evaluation.domain.bounds import Floats, Interval

_CAP = 0.5
_PRIOR_MEAN = 0.5
_PRIOR_VARIANCE = 1 / 40
GRID = np.linspace(0.01, 0.99, 99)


@dataclass
class BettingMean:
    """A betting confidence sequence for the mean of values in [0, 1] (Waudby-Smith and Ramdas, 2010.09686, section 4).

    For each candidate mean m two gamblers bet, one that the mean is above m and one that it is below; by Ville's
    inequality neither ever multiplies its money by 1/alpha where m is the mean, except with chance alpha, however
    often one looks. Bets are their aGRAPA, cut at half of what could be lost. The prior variance, a free choice, is
    that of pairs that differ in one case of ten: equal pairs then prove as fast as the cut allows.

    `threshold` is in [0, 1] too and is tried exactly; the interval is read off a grid of hundredths. O(1) an event.
    """

    threshold: float
    n: int = 0
    total: float = 0.0
    spread: float = 0.0
    above: Floats = field(default_factory=lambda: np.zeros(len(GRID) + 1))
    below: Floats = field(default_factory=lambda: np.zeros(len(GRID) + 1))
    best_above: Floats = field(default_factory=lambda: np.zeros(len(GRID) + 1))
    best_below: Floats = field(default_factory=lambda: np.zeros(len(GRID) + 1))

    def observe(self, value: float) -> None:
        """Take one value in [0, 1]. Raises ValueError outside of it."""
        if not 0 <= value <= 1:
            raise ValueError(f"{value} is outside [0, 1]")
        means = np.append(GRID, self.threshold)
        mean = (_PRIOR_MEAN + self.total) / (1 + self.n)
        variance = (_PRIOR_VARIANCE + self.spread) / (1 + self.n)
        edge = mean - means
        bet = edge / (variance + edge**2)
        with np.errstate(divide="ignore"):
            self.above += np.log1p(np.clip(bet, 0, _CAP / means) * (value - means))
            self.below += np.log1p(np.clip(-bet, 0, _CAP / (1 - means)) * (means - value))
        np.maximum(self.best_above, self.above, out=self.best_above)
        np.maximum(self.best_below, self.below, out=self.best_below)
        self.n += 1
        self.total += value
        self.spread += (value - mean) * (value - (_PRIOR_MEAN + self.total) / (1 + self.n))

    def proven(self, alpha: float) -> bool:
        """Whether the mean is above the threshold, with an error of at most `alpha` over all looks."""
        return bool(self.best_above[-1] >= log(1 / alpha))

    def disproven(self, alpha: float) -> bool:
        return bool(self.best_below[-1] >= log(1 / alpha))

    def interval(self, alpha: float) -> Interval:
        """Bounds of the mean, each one-sided at `alpha` over all looks."""
        needed = log(1 / alpha)
        under = GRID[self.best_above[:-1] >= needed]
        over = GRID[self.best_below[:-1] >= needed]
        return Interval(float(under.max()) if len(under) else 0.0, float(over.min()) if len(over) else 1.0)

    def to_json(self) -> dict[str, Any]:
        arrays = {name: getattr(self, name).tolist() for name in ("above", "below", "best_above", "best_below")}
        return {"threshold": self.threshold, "n": self.n, "total": self.total, "spread": self.spread, **arrays}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Self:
        arrays = {name: np.array(state[name]) for name in ("above", "below", "best_above", "best_below")}
        return cls(state["threshold"], state["n"], state["total"], state["spread"], **arrays)


@dataclass
class PairedDifference:
    """Whether shadow is right at least `factor` times as often as production, plus `offset`, on the same requests.

    The mean of shadow - factor * production, a value in [-factor, 1], against `offset`.
    """

    factor: float
    mean: BettingMean

    @classmethod
    def against(cls, factor: float, offset: float) -> Self:
        return cls(factor, BettingMean(min(1.0, max(0.0, (offset + factor) / (1 + factor)))))

    def observe(self, production: bool, shadow: bool) -> None:
        self.mean.observe((shadow - self.factor * production + self.factor) / (1 + self.factor))

    @property
    def value(self) -> float | None:
        """The mean difference so far."""
        return self.mean.total / self.mean.n * (1 + self.factor) - self.factor if self.mean.n else None

    def interval(self, alpha: float) -> Interval:
        found = self.mean.interval(alpha)
        return Interval(found.low * (1 + self.factor) - self.factor, found.high * (1 + self.factor) - self.factor)

    def to_json(self) -> dict[str, Any]:
        return {"factor": self.factor, "mean": self.mean.to_json()}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Self:
        return cls(state["factor"], BettingMean.from_json(state["mean"]))
