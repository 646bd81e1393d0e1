"""What a source has said before, and what of a new look at it is news."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Literal
from uuid import UUID, uuid5

from millrace.events import DocumentSubmitted, Envelope, ObservationSubmitted
from millrace.ingestion.domain.documents import document_id
from millrace.ingestion.domain.texts import LONGEST

PLACES = UUID("8a0d0c1e-0f53-5a0a-9d0e-2b7c1f6f0a21")
Outcome = Literal["new", "changed", "unchanged", "repeated"]


@dataclass(frozen=True)
class Measured:
    """What a row of observations says of an entity. `known_since`: since when its source has known it."""

    entity: str
    values: Mapping[str, float | str]
    known_since: datetime | None = None


@dataclass(frozen=True)
class Item:
    """A document, or an observation, as a source has it now.

    `own_id` is unique within the source; `dated`: the row itself says when.
    """

    own_id: str
    place: UUID
    text: str
    label: str | None = None
    suite: str | None = None
    subject: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    occurred_at: datetime | None = None
    dated: bool = False
    measured: Measured | None = None

    def digest(self, key: bytes) -> bytes:
        """Keyed, as texts that few people write could be guessed from a plain one."""
        said: tuple[object, ...] = (self.text, self.label, self.suite, self.subject, sorted(self.metadata.items()))
        if self.measured:
            since = self.measured.known_since
            times = [at.isoformat() if at else None for at in (self.occurred_at, since)]
            said = (*said, sorted(self.measured.values.items()), times)
        return blake2b(json.dumps(said).encode(), key=key[:64], digest_size=16).digest()


@dataclass(frozen=True)
class Known:
    """What is kept of a document: `seen` is the last run that saw it.

    `kept_by` is the file that said it last, where this run can't read that: no other may say otherwise meanwhile.
    """

    digest: bytes
    revision: int
    gone: bool
    seen: int
    kept_by: UUID | None = None


@dataclass(frozen=True)
class Revision:
    """An item beside what was known of it. `number` is the newest revision's; `before`: an earlier one may stand."""

    document: UUID
    item: Item
    digest: bytes
    number: int
    outcome: Outcome
    before: bool

    @property
    def news(self) -> bool:
        return self.outcome in ("new", "changed")

    @property
    def otherwise(self) -> bool:
        """Whether an observation is told otherwise than before: what was measured stays."""
        return self.item.measured is not None and self.outcome == "repeated"


def place_of(workspace: str, source: str, name: str) -> UUID:
    """The id of a page or file: its name may hold what must not be kept."""
    return uuid5(PLACES, "\x1f".join((workspace, source, name)))


def documents(workspace: str, source: str, items: Iterable[Item]) -> dict[UUID, Item]:
    """Items by document, the first of each."""
    found: dict[UUID, Item] = {}
    for item in items:
        found.setdefault(UUID(document_id(workspace, source, item.own_id)), item)
    return found


def revise(document: UUID, item: Item, known: Known | None, *, run: int, key: bytes, last_wins: bool) -> Revision:
    """Weigh an item. Within a run the first says what is so, unless the source tells which is newer (`last_wins`)."""
    digest = item.digest(key)
    if known is None:
        return Revision(document, item, digest, 1, "new", False)
    if known.digest == digest and not known.gone:
        return Revision(document, item, digest, known.revision, "unchanged", True)
    kept = item.measured is not None or known.kept_by not in (None, item.place)
    kept = kept and not known.gone
    if kept or (known.seen == run and not last_wins):
        return Revision(document, item, digest, known.revision, "repeated", not known.gone)
    return Revision(document, item, digest, known.revision + 1, "changed", not known.gone)


def submitted(
    revision: Revision, workspace: str, source: str, *, now: datetime, trace: str | None
) -> DocumentSubmitted | ObservationSubmitted:
    """The submission that a product would have sent: the same id for the same revision of the same document."""
    item = revision.item
    id = uuid5(revision.document, f"{revision.number}|{revision.digest.hex()}")
    occurred_at = min(item.occurred_at or now, now)
    envelope = Envelope(id=id, source="", occurred_at=occurred_at, known_at=now, traceparent=trace)
    if (told := item.measured) is not None:
        return ObservationSubmitted.create(
            envelope,
            workspace=workspace,
            source=source,
            entity=told.entity,
            values=dict(told.values),
            known_since=told.known_since,
        )
    return DocumentSubmitted.create(
        envelope,
        workspace=workspace,
        source=source,
        text=item.text,
        document_id=item.own_id,
        label=item.label,
        suite=item.suite,
        subject=item.subject,
        metadata=dict(item.metadata),
    )


def parts(text: str, most: int = LONGEST) -> list[str]:
    """A text in pieces that a document can hold, cut between paragraphs where that is possible."""
    found: list[str] = []
    start = 0
    while len(text) - start > most:
        half, end = start + most // 2, start + most
        cut = next((at for mark in ("\n\n", "\n", ". ", " ") if (at := text.rfind(mark, half, end)) > 0), end - 1)
        found.append(text[start : cut + 1].strip())
        start = cut + 1
    found.append(text[start:].strip())
    return [part for part in found if part]
