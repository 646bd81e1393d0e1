"""What dedup knows of a document: as it came, on arrival at the index, and once it is kept."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from millrace.dedup.domain.sketch import Sketch
from millrace.events import Basis, Cause, Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A document before the decision, with what brings it; `known_at` is the cause's.

    `cluster` is set for one that has been here: it stays where it was first seen, but for one that `founds` it and was
    not compared by meaning yet. `ended` is one that readers were told the end of.
    """

    cause: Cause
    workspace: str
    document_id: str
    source: str
    text: str
    origin: Origin
    trusted: bool
    label: str | None = None
    suite: str | None = None
    language: str | None = None
    subject: str | None = None
    basis: Basis | None = None
    feedback_id: str | None = None
    rejected: str | None = None
    rating: float | None = None
    corrects: str | None = None
    occurred_at: datetime | None = None
    cluster: str | None = None
    ended: bool = False
    founds: bool = False
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """A document to be decided on. `corrects` names a kept document of another id that this one replaces."""

    document_id: str
    source: str
    label: str | None
    suite: str | None
    trusted: bool
    basis: Basis | None
    sketch: Sketch
    corrects: str | None = None
    home: str | None = None
    """The cluster it was first seen in, for one that comes back."""
    compares: bool = False
    """Whether it says of an answer how good it is, which no label alone does."""

    @property
    def golden(self) -> bool:
        """Whether it only judges. An untrusted source can't make golden rows, or it could bar rows from training."""
        return self.suite is not None and self.trusted

    @property
    def judges(self) -> bool:
        return self.trusted and self.basis != "shown"

    def says_no_more_than(self, other: "Arrival") -> bool:
        """Whether a text like `other`'s, with this label and these rights, adds nothing to it.

        A row may only vanish into one that may do all that it may: otherwise an untrusted or shown row that came first
        would keep out a trusted or blind one.
        """
        return (
            not self.compares
            and (self.label == other.label or self.label is None)
            and (self.suite == other.suite or (self.suite is None and other.golden))
            and (other.judges or not self.judges)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Kept(Arrival):
    """A row of the index."""

    cluster: str = ""


@dataclass(frozen=True, slots=True)
class Drop:
    """The document repeats a kept one. `kind` is exact or near, `similarity` in 0..1.

    `ends` is the kept document that stands no more by it: its own former text, or what it corrects.
    """

    duplicate_of: str
    cluster: str
    kind: str
    similarity: float
    ends: str | None = None


@dataclass(frozen=True, slots=True)
class Keep:
    """The document joins the corpus. `trainable` is false where its cluster holds a golden row.

    `repeats` is what it repeats, where the workspace keeps duplicates too.
    """

    cluster: str
    trainable: bool
    replaces: str | None = None
    repeats: Drop | None = None


Decision = Keep | Drop


def arrival(candidate: Candidate, sketch: Sketch) -> Arrival:
    return Arrival(
        document_id=candidate.document_id,
        source=candidate.source,
        label=candidate.label,
        suite=candidate.suite,
        trusted=candidate.trusted,
        basis=candidate.basis,
        sketch=sketch,
        corrects=candidate.corrects,
        home=candidate.cluster,
        compares=candidate.rejected is not None or candidate.rating is not None,
    )


_SLACK = timedelta(milliseconds=1)


def in_time(
    arriving: Sequence[tuple[Candidate, Arrival]], known_at: Mapping[str, datetime]
) -> list[tuple[Candidate, Arrival]]:
    """Without what was known before what is here of the same document: a revision that comes late is none.

    What was told anew is known some microseconds later than it was, so as little makes no difference.
    """
    latest = dict(known_at)
    found = []
    for candidate, one in arriving:
        if candidate.cause.known_at + _SLACK >= latest.get(one.document_id, candidate.cause.known_at):
            latest[one.document_id] = candidate.cause.known_at
            found.append((candidate, one))
    return found


@dataclass(frozen=True, slots=True)
class Revised:
    """Documents whose text a batch ended, each with the place of what last did so, and who repeats the text of now."""

    places: dict[str, int]
    current: set[str]


def revised(decided: Sequence[tuple[str, Decision]]) -> Revised:
    places: dict[str, int] = {}
    repeating: dict[str, tuple[str, int]] = {}
    for place, (document_id, decision) in enumerate(decided):
        ended = decision.replaces if isinstance(decision, Keep) else decision.ends
        if ended:
            places[ended] = place
        repeating.pop(document_id, None)
        if isinstance(decision, Drop):
            repeating[document_id] = (decision.duplicate_of, place)
    current = {id for id, (repeated, place) in repeating.items() if place > places.get(repeated, place)}
    return Revised(places, current)


def weighing(decided: Sequence[tuple[str, Decision]], repeating: Mapping[str, str | None]) -> Iterator[bool]:
    """Whether each document adds to the one that it repeats: once, however often it is published.

    `repeating` says what documents repeated before.
    """
    now = dict(repeating)
    for document_id, decision in decided:
        repeats = decision.duplicate_of if isinstance(decision, Drop) else None
        yield repeats is not None and repeats not in (document_id, now.get(document_id))
        if repeats != document_id:
            now[document_id] = repeats
