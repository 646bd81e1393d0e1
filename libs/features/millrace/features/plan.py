"""What a workspace declares of features, ready to be computed: `Plan.vector` is the one definition of each."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from millrace.features.figures import OF_CELLS, OF_NUMBERS, Cell, Number
from millrace.features.sources import Sources
from millrace.workspace import Events, Feature, Workspace

Scalar = Number | str
Vector = dict[str, Scalar]
CATEGORY, LAST = "category", "last"
NEWEST = (CATEGORY, LAST)
"""Kinds that look at one observation of their window, the newest."""


class Seen(NamedTuple):
    """One value of one observation. They are ordered by when they occurred, then by when they were known, then by id.

    `id` is the same wherever the observation is kept.
    """

    occurred_at: datetime
    known_at: datetime
    id: str
    cell: Cell


class Read(NamedTuple):
    """What has to be read to compute a vector: a value's observations of this long, or the `newest` of them alone."""

    value: str
    over: timedelta
    newest: bool


@dataclass(frozen=True, slots=True)
class Definition:
    """One feature: a figure of `kind` of a value over a window."""

    name: str
    kind: str
    value: str
    over: timedelta
    categories: frozenset[str] = frozenset()
    unknown: str = ""

    @classmethod
    def of(cls, name: str, feature: Feature) -> Self:
        said = feature.model_dump(mode="python")
        kind = next(key for key in said if key not in ("over", "unknown"))
        categories = said.get(CATEGORY)
        value = name if categories else said[kind]
        over = feature.over or timedelta(0)
        return cls(name, kind, value, over, frozenset(categories or ()), said.get("unknown", ""))

    @property
    def newest(self) -> bool:
        return self.kind in NEWEST

    def figure(self, window: Sequence[Seen]) -> Scalar:
        """Of the observations in the window, in their order; a text is no number, and a number no category."""
        if self.newest:
            cell = window[-1].cell if window else None
            if self.kind == CATEGORY:
                return cell if isinstance(cell, str) and cell in self.categories else self.unknown
            return cell if isinstance(cell, float) else None
        if self.kind in OF_CELLS:
            return OF_CELLS[self.kind]([seen.cell for seen in window])
        return OF_NUMBERS[self.kind]([seen.cell for seen in window if isinstance(seen.cell, float)])


@dataclass(frozen=True, slots=True)
class Plan:
    """The features of a workspace, by name in the order of the file, and what may be looked at for them.

    That is what comes from `sources` and has been known for no longer than `retention`, where there is one: whoever
    reads observations reads no others. Those of `history` are believed since when they were known.
    """

    definitions: tuple[Definition, ...]
    sources: Sources
    retention: timedelta | None
    history: frozenset[str] = frozenset()

    @classmethod
    def of(cls, spec: Workspace) -> Self:
        definitions = tuple(Definition.of(name, feature) for name, feature in spec.features.items())
        history = frozenset(
            name for name, events in spec.sources.items() if isinstance(events, Events) and events.history
        )
        return cls(definitions, Sources.of(spec), spec.data.retention, history)

    @property
    def longest(self) -> timedelta:
        """How far back a vector looks."""
        return max(one.over for one in self.definitions)

    @property
    def windows(self) -> dict[str, timedelta]:
        """How far back each value is looked at."""
        found: dict[str, timedelta] = {}
        for one in self.definitions:
            found[one.value] = max(found.get(one.value, one.over), one.over)
        return found

    @property
    def reads(self) -> list[Read]:
        """Enough for a vector: at most one read of a value's whole window, and one of its newest observation."""
        found: dict[tuple[str, bool], timedelta] = {}
        for one in self.definitions:
            key = (one.value, one.newest)
            found[key] = max(found.get(key, one.over), one.over)
        return [Read(value, over, newest) for (value, newest), over in sorted(found.items())]

    def vector(self, seen: Mapping[str, Sequence[Seen]], at: datetime) -> Vector:
        """Every feature at a moment, of what was seen of each value, in order, and known by then.

        What is older than a feature's window, or of later than the moment, may be among it and is not looked at.
        """
        return {one.name: one.figure(_within(seen.get(one.value, ()), at - one.over, at)) for one in self.definitions}


def _within(seen: Sequence[Seen], after: datetime, until: datetime) -> Sequence[Seen]:
    """Those that occurred later than `after` and not later than `until`."""
    return seen[bisect_right(seen, after, key=_occurred) : bisect_right(seen, until, key=_occurred)]


def _occurred(seen: Seen) -> datetime:
    return seen.occurred_at
