"""Moments of entities as rows that are learned from and judged by: splits are stretches of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

TRAINED, HELD_OUT = 0.7, 0.15
"""Shares of the moments since the change: the earliest train, those after them pick, the last judge."""

NO_ROWS = "before the change, not replayed"
TOO_LATE = "its truth is of the next split's time"


@dataclass(frozen=True, slots=True)
class Stretches:
    """`validation` and `fresh` are the first moments of those splits."""

    validation: datetime
    fresh: datetime

    @classmethod
    def of(cls, moments: Sequence[datetime]) -> Self:
        """Of moments in any order, one at least. Those of one time are never parted."""
        ordered = sorted(moments)
        last = len(ordered) - 1
        return cls(
            ordered[min(last, int(len(ordered) * TRAINED))],
            ordered[min(last, int(len(ordered) * (TRAINED + HELD_OUT)))],
        )

    def place(self, at: datetime, of: datetime) -> tuple[str | None, str]:
        """The split of a moment whose truth is of a later time, or None with why.

        A row is learned from only if its truth was there when the next split begins: as it will be when the model
        is in production.
        """
        if at >= self.fresh:
            return "fresh", ""
        if at >= self.validation:
            return ("validation", "") if of < self.fresh else (None, TOO_LATE)
        return ("train", "") if of < self.validation else (None, TOO_LATE)

    def plain(self) -> dict[str, Any]:
        return {"validation": self.validation.isoformat(), "fresh": self.fresh.isoformat()}


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def cluster(entity: str, at: datetime, horizon: timedelta) -> str:
    """Moments of an entity whose errors hang together: those of a forecast do for as long as it looks ahead
    (Diebold and Mariano 1995). Twice that long is one piece of evidence."""
    return f"{entity}/{int((at - _EPOCH) // (2 * horizon))}"
