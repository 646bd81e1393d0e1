"""What a source hands over between two commits."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

from millrace.chassis import Transaction, Unprocessable
from millrace.ingestion.domain.revisions import Item

Position = dict[str, Any]
"""Where a run goes on after its last commit. JSON; kept sealed, as ids and names may be personal."""


class Unreadable(Unprocessable):
    """A page, file or row that can't be taken; its neighbours are unharmed."""

    def __init__(self, code: str, expected: str) -> None:
        super().__init__(expected)
        self.code = code
        self.expected = expected


@dataclass(frozen=True)
class Trouble:
    """An item that a run could not take, and why."""

    item: str
    code: str
    reason: str


@dataclass(frozen=True)
class Place:
    """A page or file that was read whole, with what tells next time whether it changed."""

    id: UUID
    etag: str | None = None
    modified: str | None = None
    links: Sequence[str] = ()
    url: str | None = None


@dataclass
class Batch:
    """`settled` places are as they were, or could not be read: what came from them is not known to be gone.

    `tried` are those among them that were read as far as they can be, each with what tells whether it changed.
    `gone` ones were asked for themselves and are not there. `partial` says why what a run did not see may be there
    still: after it only what is `gone` is retired. `also` writes what the source itself keeps.
    """

    position: Position
    items: list[Item] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    settled: set[UUID] = field(default_factory=set)
    unchanged: set[UUID] = field(default_factory=set)
    tried: dict[UUID, str] = field(default_factory=dict)
    gone: set[UUID] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    partial: str | None = None
    also: Callable[[Transaction], Awaitable[None]] | None = None

    @property
    def size(self) -> int:
        """What there is to write, about."""
        return len(self.items) + len(self.troubles) + len(self.places) + len(self.settled) + len(self.unchanged)

    def take(self, later: Batch) -> None:
        """Adds what comes after."""
        self.position = later.position
        self.items += later.items
        self.troubles += later.troubles
        self.places += later.places
        self.settled |= later.settled
        self.unchanged |= later.unchanged
        self.tried |= later.tried
        self.gone |= later.gone
        self.counts += later.counts
        self.partial = self.partial or later.partial


@dataclass(frozen=True)
class About:
    """The run that a source is read for. `declaration` digests what makes documents what they are.

    `reading` is the run that began to read the source, where this one goes on with that: what has been seen since
    then has been seen.
    """

    workspace: str
    source: str
    run: int
    declaration: str
    reading: int

    @property
    def goes_on(self) -> bool:
        return self.reading != self.run


class Reader(Protocol):
    """Reads one source. Raises Unavailable for what may work later, Unprocessable for what never will."""

    last_wins: bool
    """Whether what comes later in a run is newer."""

    retires: bool
    """Whether what a whole run does not see is gone."""

    goes_on: bool
    """Whether what a run that was not done in its time has left may be read by the next."""

    def batches(self, position: Position | None) -> AsyncGenerator[Batch, None]: ...


class Waits(Exception):
    """Nothing can be done before a while has passed: the run goes on then."""

    def __init__(self, pause: timedelta, why: str) -> None:
        super().__init__(why)
        self.pause = pause
