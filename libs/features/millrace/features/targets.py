"""The truth of each moment of an entity: what was observed of the target so long after, if it was known in time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from millrace.features.figures import Cell
from millrace.features.history import Observation
from millrace.workspace import Target

LATE, MISTYPED = "late", "mistyped"
KINDS: dict[str, type[float] | type[str]] = {"regression": float, "classification": str}


class Labelled(NamedTuple):
    """A moment with its truth; `cell` is None where there is none to learn from, and `why` says why."""

    entity: str
    at: datetime
    of: datetime
    known_at: datetime
    cell: Cell | None
    why: str = ""


def labelled(target: Target, observations: Iterable[Observation]) -> Iterator[Labelled]:
    """One for each time at which the target was observed, of observations by entity, time and when they were known.

    Of several observations of one time the last that was known in time counts: it corrects those before.
    """
    told = (one for one in observations if one.values.get(target.name) is not None)
    for (entity, of), several in groupby(told, key=lambda one: (one.entity, one.occurred_at)):
        at = of - target.horizon
        late: Observation | None = None
        chosen: Observation | None = None
        for one in several:
            if one.known_at <= of + target.arrives_within:
                chosen = one
            else:
                late = late or one
        if chosen is None:
            assert late is not None
            yield Labelled(entity, at, of, late.known_at, None, LATE)
            continue
        cell = chosen.values[target.name]
        fits = isinstance(cell, KINDS[target.kind])
        yield Labelled(entity, at, of, chosen.known_at, cell if fits else None, "" if fits else MISTYPED)
