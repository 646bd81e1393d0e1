"""The signals: how each one's raw values become numbers from 0 to 1 of which higher is worse."""

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

Raw = float | str


class Scale(ABC):
    """One signal's scale. `fitted` ones are made from the reference, the others stand from the first value on."""

    fitted: ClassVar[bool]

    @classmethod
    @abstractmethod
    def fit(cls, reference: Sequence[Raw]) -> Self: ...

    @abstractmethod
    def worse(self, raw: Raw) -> float:
        """From 0 to 1, higher being worse."""

    @abstractmethod
    def natural(self, worse: float) -> float:
        """A mean of `worse` values in the signal's own unit, for people."""

    @abstractmethod
    def state(self) -> dict[str, Any]: ...

    @classmethod
    def restore(cls, state: dict[str, Any]) -> Self:
        return cls(**state)


@dataclass(frozen=True, slots=True)
class Error(Scale):
    """1 where a label says that the answer was wrong."""

    fitted: ClassVar[bool] = False

    @classmethod
    def fit(cls, reference: Sequence[Raw]) -> Self:
        return cls()

    def worse(self, raw: Raw) -> float:
        return min(1.0, max(0.0, float(raw)))

    def natural(self, worse: float) -> float:
        return worse

    def state(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True, slots=True)
class Confidence(Error):
    """What the top probability lacks to 1."""

    def worse(self, raw: Raw) -> float:
        return 1.0 - min(1.0, max(0.0, float(raw)))

    def natural(self, worse: float) -> float:
        return 1.0 - worse


@dataclass(frozen=True, slots=True)
class Novelty(Scale):
    """The distance to the nearest held-out reference, in standard deviations of the reference: 0.5 is its mean.

    Distances crowd a narrow band of their range; stretched over it, a shift shows several times sooner.
    """

    fitted: ClassVar[bool] = True
    DEVIATIONS: ClassVar[float] = 8.0

    mean: float
    deviation: float

    @classmethod
    def fit(cls, reference: Sequence[Raw]) -> Self:
        values = [float(raw) for raw in reference]
        mean = math.fsum(values) / len(values)
        variance = math.fsum((value - mean) ** 2 for value in values) / len(values)
        return cls(mean, max(math.sqrt(variance), 1e-6))

    def worse(self, raw: Raw) -> float:
        return min(1.0, max(0.0, 0.5 + (float(raw) - self.mean) / (self.DEVIATIONS * self.deviation)))

    def natural(self, worse: float) -> float:
        return self.mean + (worse - 0.5) * self.DEVIATIONS * self.deviation

    def state(self) -> dict[str, Any]:
        return {"mean": self.mean, "deviation": self.deviation}


@dataclass(frozen=True, slots=True)
class LabelShare(Scale):
    """Minus the log of the predicted label's share among the reference, in nats over log(1000)."""

    fitted: ClassVar[bool] = True
    MOST: ClassVar[float] = math.log(1000)
    LABELS: ClassVar[int] = 1000

    counts: dict[str, int]

    @classmethod
    def fit(cls, reference: Sequence[Raw]) -> Self:
        return cls(dict(sorted(Counter(str(raw) for raw in reference).most_common(cls.LABELS))))

    def worse(self, raw: Raw) -> float:
        # half a sighting for each label, and for the unseen together
        shares = sum(self.counts.values()) + 0.5 * (len(self.counts) + 1)
        return min(1.0, -math.log((self.counts.get(str(raw), 0) + 0.5) / shares) / self.MOST)

    def natural(self, worse: float) -> float:
        return worse * self.MOST

    def state(self) -> dict[str, Any]:
        return {"counts": self.counts}


SIGNALS: dict[str, type[Scale]] = {
    "error": Error,
    "confidence": Confidence,
    "novelty": Novelty,
    "label_share": LabelShare,
}
