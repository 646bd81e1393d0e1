"""HDDM-A: the mean since the best cut point against the mean before it, by Hoeffding's bound."""

from typing import Any, ClassVar, Self

from river import stats
from river.drift.binary import HDDMA

from millrace.drift.detectors.detector import Detector, Ring


class HddmA(Detector):
    """river's HDDM-A, one-sided. `level` is its drift confidence. The change is dated at the cut point.

    (Frías-Blanco et al., "Online and non-parametric drift detection methods based on Hoeffding's bounds",
    TKDE 27, 2015.)

    >>> import random
    >>> draw = random.Random(7).random
    >>> detector = HddmA(0.001)
    >>> for i in range(1000):
    ...     if ring := detector.update(float(draw() < (0.08 if i < 600 else 0.35))):
    ...         print(i, ring.width, round(ring.before, 2), round(ring.after, 2))
    613 14 0.1 0.64
    """

    name: ClassVar[str] = "hddm-a"

    def __init__(self, level: float) -> None:
        self.level = level
        self._test = HDDMA(drift_confidence=level, warning_confidence=level)

    def update(self, value: float) -> Ring | None:
        self._test.update(value)
        if not self._test.drift_detected:
            return None
        whole, cut = self._test._z, self._test._x_min
        width = whole.n - cut.n
        after = (whole.get() * whole.n - cut.get() * cut.n) / width
        return Ring(int(width), int(whole.n), cut.get(), after)

    def state(self) -> dict[str, Any]:
        test = self._test
        means = (test._x_min, test._x_max, test._z)
        return {
            "detector": self.name,
            "level": self.level,
            "rang": test.drift_detected,
            "means": [[mean.n, mean.get()] for mean in means],
        }

    @classmethod
    def restore(cls, state: dict[str, Any]) -> Self:
        restored = cls(state["level"])
        test = restored._test
        test._drift_detected = state["rang"]
        test._x_min, test._x_max, test._z = (stats.Mean._from_state(*mean) for mean in state["means"])
        return restored
