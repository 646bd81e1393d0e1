"""Page-Hinkley: the values' excess over their running mean, added up until it can't be chance."""

from typing import Any, ClassVar, Self

from river import drift, stats

from millrace.drift.detectors.detector import Detector, Ring


class PageHinkley(Detector):
    """river's Page-Hinkley, upward. `level` is its threshold, a sum of excesses; the slack per value is `SLACK`.

    The change is dated where the sum was lowest. (Page, "Continuous inspection schemes", Biometrika 41, 1954.)

    >>> import random
    >>> draw = random.Random(7).random
    >>> detector = PageHinkley(20)
    >>> for i in range(1000):
    ...     if ring := detector.update(float(draw() < (0.08 if i < 600 else 0.35))):
    ...         print(i, ring.width, round(ring.before, 2), round(ring.after, 2))
    672 73 0.1 0.41
    """

    name: ClassVar[str] = "page-hinkley"
    SLACK: ClassVar[float] = 0.02
    MIN_VALUES: ClassVar[int] = 30

    def __init__(self, level: float) -> None:
        self.level = level
        self._test = drift.PageHinkley(min_instances=self.MIN_VALUES, delta=self.SLACK, threshold=level, mode="up")
        self._restart()

    def _restart(self) -> None:
        self._count = 0
        self._total = 0.0
        self._low_count = 0
        self._low_total = 0.0

    def update(self, value: float) -> Ring | None:
        lowest = self._test._min_increase if self._count else float("inf")
        self._test.update(value)
        self._count += 1
        self._total += value
        if self._test._min_increase < lowest:
            self._low_count, self._low_total = self._count, self._total
        if not self._test.drift_detected:
            return None
        width = self._count - self._low_count
        ring = Ring(width, self._count, self._low_total / self._low_count, (self._total - self._low_total) / width)
        self._restart()
        return ring if ring.after > ring.before else None

    def state(self) -> dict[str, Any]:
        test = self._test
        lowest = None if test._min_increase == float("inf") else test._min_increase
        return {
            "detector": self.name,
            "level": self.level,
            "slack": test.delta,
            "rang": test.drift_detected,
            "mean": [test._x_mean.n, test._x_mean.get()],
            "sums": [test._sum_increase, test._sum_decrease, lowest, test._max_decrease],
            "counts": [self._count, self._total, self._low_count, self._low_total],
        }

    @classmethod
    def restore(cls, state: dict[str, Any]) -> Self:
        restored = cls(state["level"])
        test = restored._test
        test.delta = state["slack"]
        test._drift_detected = state["rang"]
        test._x_mean = stats.Mean._from_state(*state["mean"])
        test._sum_increase, test._sum_decrease, lowest, test._max_decrease = state["sums"]
        test._min_increase = float("inf") if lowest is None else lowest
        restored._count, restored._total, restored._low_count, restored._low_total = state["counts"]
        return restored
