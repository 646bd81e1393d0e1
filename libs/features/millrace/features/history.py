"""An entity's observations as time goes by, and the vectors at moments of it: how a training table is made."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from millrace.features.figures import Cell
from millrace.features.plan import Plan, Seen, Vector


class Observation(NamedTuple):
    """What was observed of an entity at a time, and when that became known. Values of None say nothing."""

    entity: str
    occurred_at: datetime
    known_at: datetime
    id: str
    values: Mapping[str, Cell | None]


class History:
    """What is known of one entity, as far as vectors from here on need it. Moments only go forward."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._windows = plan.windows
        self._whole = {read.value for read in plan.reads if not read.newest}
        self._seen: dict[str, list[Seen]] = {}

    def learn(self, observation: Observation) -> None:
        """Takes what is known from now on. Where it belongs is decided by when it occurred."""
        for value in self._windows.keys() & observation.values.keys():
            cell = observation.values[value]
            if cell is not None:
                seen = Seen(observation.occurred_at, observation.known_at, observation.id, cell)
                insort(self._seen.setdefault(value, []), seen, key=_order)

    def vector(self, at: datetime) -> Vector:
        """The features at a moment; what no later moment can need is forgotten."""
        for value, seen in self._seen.items():
            first = bisect_right(seen, at - self._windows[value], key=_occurred)
            if value not in self._whole:
                first = max(first, bisect_right(seen, at, key=_occurred) - 1)
            del seen[:first]
        return self._plan.vector(self._seen, at)

    def __len__(self) -> int:
        return sum(map(len, self._seen.values()))


class Replay:
    """Observations of many entities as they became known, gone through moment by moment.

    They come by entity, and those of one as they became known. Only an entity's longest windows are held.
    """

    def __init__(self, plan: Plan, observations: Iterable[Observation]) -> None:
        self._plan = plan
        self._ahead = iter(observations)
        self._pending = next(self._ahead, None)
        self._history, self._entity = History(plan), ""

    def vector(self, entity: str, at: datetime) -> Vector:
        """The vector at a moment of an entity, as it was known then. Moments come by entity and go forward."""
        if entity != self._entity:
            self._history, self._entity = History(self._plan), entity
        while (one := self._pending) is not None and (one.entity, one.known_at) <= (entity, at):
            if one.entity == entity:
                self._history.learn(one)
            self._pending = next(self._ahead, None)
        return self._history.vector(at)


def vectors(
    plan: Plan, moments: Iterable[tuple[str, datetime]], observations: Iterable[Observation]
) -> Iterator[Vector]:
    """The vector at each moment of an entity, as it was known then. Both come as `Replay` wants them."""
    replay = Replay(plan, observations)
    for entity, at in moments:
        yield replay.vector(entity, at)


def _order(seen: Seen) -> tuple[datetime, datetime, str]:
    return seen[:3]


def _occurred(seen: Seen) -> datetime:
    return seen.occurred_at
