"""One turn of a track and what was decided on the way."""

from dataclasses import dataclass, replace
from typing import Any

from millrace.events import Stage
from millrace.training.domain.track import Cycle, Track


@dataclass(frozen=True, slots=True)
class Opened:
    cycle: Cycle


@dataclass(frozen=True, slots=True)
class Cut:
    """The cycle's rows are there: its candidates can be planned."""

    cycle: Cycle


@dataclass(frozen=True, slots=True)
class GaveUp:
    """The cycle has no candidate; registry closes it."""

    cycle: Cycle
    reason: str


@dataclass(frozen=True, slots=True)
class Closed:
    cycle: Cycle
    outcome: Stage
    reason: str
    version: str | None


@dataclass(frozen=True, slots=True)
class Alerted:
    """A person is needed."""

    kind: str
    reason: str
    cycle: Cycle | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Ignored:
    what: str
    reason: str


Decision = Opened | Cut | GaveUp | Closed | Alerted | Ignored


@dataclass(frozen=True, slots=True)
class Turn:
    track: Track
    decisions: tuple[Decision, ...] = ()

    def keep(self, **changes: Any) -> "Turn":
        return replace(self, track=replace(self.track, **changes))

    def decide(self, decision: Decision) -> "Turn":
        return replace(self, decisions=(*self.decisions, decision))

    def ignore(self, what: str, reason: str) -> "Turn":
        return self.decide(Ignored(what, reason))
