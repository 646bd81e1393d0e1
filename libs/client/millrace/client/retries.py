"""When to try again: pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import random

LATER = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Retries:
    """At most `attempts`, waiting twice as long each time from `first` to `longest` seconds, give or take half.

    A service's Retry-After is honoured up to `patience` seconds.
    """

    attempts: int = 6
    first: float = 0.1
    longest: float = 10.0
    patience: float = 60.0
    chance: Callable[[], float] = random

    def wait(self, attempt: int, retry_after: float | None = None) -> float | None:
        """Seconds before the attempt after the `attempt`-th (from 1); None when it was the last."""
        if attempt >= self.attempts:
            return None
        grown: float = min(self.longest, self.first * 2 ** (attempt - 1))
        jittered = grown * (0.5 + self.chance())
        return jittered if retry_after is None else max(min(retry_after, self.patience), jittered / 2)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The Retry-After header in seconds; None where it is absent or a date."""
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return None
