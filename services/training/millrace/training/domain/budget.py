"""What runs may take together, in a day or in a search, and what they took."""

from dataclasses import dataclass
from datetime import datetime, timedelta

BUDGET_SPENT = "BudgetSpent"


@dataclass(frozen=True, slots=True)
class Spent:
    """`cost` is in the currency of TRAINING_HOUR_COSTS."""

    seconds: float = 0.0
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class Limit:
    """`name` is the section that declares it; None bounds nothing."""

    name: str
    seconds: float | None = None
    cost: float | None = None

    @property
    def bounds(self) -> bool:
        return self.seconds is not None or self.cost is not None

    def spent(self, spent: Spent) -> str | None:
        """Why nothing more may be taken; None while there is some left."""
        if self.seconds is not None and spent.seconds >= self.seconds:
            return f"{BUDGET_SPENT}: {self.name}.time, {self.seconds:,.0f} s, is spent"
        if self.cost is not None and spent.cost >= self.cost:
            return f"{BUDGET_SPENT}: {self.name}.cost, {self.cost:g}, is spent"
        return None


def next_day(now: datetime) -> datetime:
    """When the next day's budget begins, in the zone of `now`."""
    return (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
