"""What services count, as far as the page needs it."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

Series = list[tuple[dict[str, str], float]]
"""A metric's samples: labels and value."""

Counters = Mapping[str, Series]
"""One process's metrics by name, without `_total`."""

WINDOW = timedelta(seconds=6)


def total(counters: Counters | None, metric: str, **labels: str) -> int:
    """The sum of a metric's samples that bear the labels; 0 where there are none."""
    found = (counters or {}).get(metric, [])
    return round(sum(value for given, value in found if labels.items() <= given.items()))


def emitted(all_counters: Mapping[str, Counters | None]) -> dict[str, int]:
    """Events put into the outboxes since their processes started, by topic without the version."""
    found: dict[str, int] = {}
    for counters in all_counters.values():
        for labels, value in (counters or {}).get("millrace_events_emitted", []):
            name = labels.get("topic", "").removesuffix(".v1")
            found[name] = found.get(name, 0) + round(value)
    return found


@dataclass
class Pace:
    """Rates over the last seconds of counters that only grow, or begin anew with their process."""

    seen: deque[tuple[datetime, dict[str, int]]] = field(default_factory=deque)

    def observe(self, at: datetime, counts: dict[str, int]) -> dict[str, float]:
        """Takes what is counted at a time; gives each counter's growth a second, 0 where it is not known yet."""
        if self.seen and at - self.seen[-1][0] > WINDOW:
            self.seen.clear()
        self.seen.append((at, counts))
        while at - self.seen[0][0] > WINDOW:
            self.seen.popleft()
        grown = dict.fromkeys(counts, 0)
        for (_, before), (_, after) in zip(self.seen, list(self.seen)[1:], strict=False):
            for name in counts:
                grown[name] += max(0, after.get(name, 0) - before.get(name, after.get(name, 0)))
        seconds = (at - self.seen[0][0]).total_seconds()
        return {name: count / seconds if seconds else 0.0 for name, count in grown.items()}
