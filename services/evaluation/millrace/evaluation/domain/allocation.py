"""Do the arms get the share of units that the route gives them?"""

from dataclasses import asdict, dataclass
from math import log
from typing import Any, Self

_CONCENTRATION = 100.0


@dataclass
class Allocation:
    """A sequential test of the sample ratio (Lindon and Malek 2022, "Anytime-valid inference for multinomial counts").

    The Bayes factor of a Dirichlet around the expected shares (worth 100 units) against those shares exactly: a
    martingale while units arrive as routed, so it ever reaches 1/alpha with chance at most alpha.
    """

    share: float
    canary: int = 0
    production: int = 0
    evidence: float = 0.0
    highest: float = 0.0

    def observe(self, canary: bool) -> None:
        """Count one unit, the first time that it is seen."""
        expected = self.share if canary else 1 - self.share
        seen = self.canary if canary else self.production
        predicted = (_CONCENTRATION * expected + seen) / (_CONCENTRATION + self.canary + self.production)
        self.evidence += log(predicted / expected)
        self.highest = max(self.highest, self.evidence)
        if canary:
            self.canary += 1
        else:
            self.production += 1

    def mismatched(self, alpha: float) -> bool:
        return self.highest >= log(1 / alpha)

    def __str__(self) -> str:
        return f"{self.canary} of {self.canary + self.production} units for a share of {self.share:g}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Self:
        return cls(**state)
