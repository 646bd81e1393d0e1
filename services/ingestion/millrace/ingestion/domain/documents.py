"""A submitted document or interaction, and what becomes of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import singledispatch
from itertools import islice
from uuid import UUID, uuid5

from millrace.events import DocumentSubmitted, Event, InteractionLogged, Reason
from millrace.ingestion.domain.texts import LONGEST, Shares, cleaned, printable_share, read
from millrace.privacy import derived_key, mask, pseudonym
from millrace.workspace import Workspace

DOCUMENTS = UUID("3f1d5a53-6d5c-5d0e-8a7e-0f6f5d1f6a10")
FUTURE = timedelta(days=1)
LONGEST_NAME = 200
LONGEST_LABEL = 100
MOST_METADATA = 50
LONGEST_VALUE = 2000
SUITES = ("golden",)


@dataclass(frozen=True)
class Submission:
    """What products say of a text, whichever way they say it. `own_id` is unique within the source."""

    workspace: str
    source: str
    own_id: str
    text: str
    label: str | None
    suite: str | None
    subject: str | None
    metadata: dict[str, str]
    occurred_at: datetime


@dataclass(frozen=True)
class Document:
    """A submission, masked; to be accepted when there are no reasons against it."""

    document_id: str
    source: str
    text: str
    label: str | None
    suite: str | None
    subject: str | None
    metadata: dict[str, str]
    trusted: bool
    language: str | None
    masked: dict[str, int]
    reasons: tuple[Reason, ...]


@dataclass
class Mask:
    """Cleans and masks one field after the other, and counts. What is longer than `most` is cut, as it is refused."""

    counts: Counter[str] = field(default_factory=Counter)

    def __call__(self, text: str, most: int) -> str:
        masked = mask(cleaned(text.strip()[: most + 1]))
        self.counts.update(masked.counts)
        return masked.text


@singledispatch
def submission(event: Event) -> Submission:
    """The submission in an event. Raises TypeError for events that are none."""
    raise TypeError(f"{type(event).__name__} submits no document")


@submission.register
def _(event: DocumentSubmitted) -> Submission:
    own_id = event.document_id or str(event.id)
    parts = (event.text, event.label, event.suite, event.subject, event.metadata)
    return Submission(event.workspace, event.source, own_id, *parts, event.occurred_at)


@submission.register
def _(event: InteractionLogged) -> Submission:
    own_id = "interaction/" + (event.interaction_id or str(event.id))
    metadata = {**event.metadata, **({"output": event.output} if event.output else {})}
    return Submission(
        event.workspace,
        event.source,
        own_id,
        event.input,
        event.label,
        None,
        event.subject,
        metadata,
        event.occurred_at,
    )


def examine(given: Submission, workspace: Workspace, *, secret: str, now: datetime, shares: Shares) -> Document:
    """Mask a submission and say what the workspace has against it."""
    masked = Mask()
    source, text = masked(given.source, LONGEST_NAME), masked(given.text, LONGEST)
    label, suite = masked(given.label or "", LONGEST_LABEL) or None, cleaned(given.suite or "") or None
    metadata = {
        masked(key, LONGEST_VALUE): masked(value, LONGEST_VALUE)
        for key, value in islice(given.metadata.items(), MOST_METADATA)
    }
    trusted = source in workspace.data.trusted
    found = read(
        text,
        length=len(given.text.strip()),
        printable=printable_share(given.text[:LONGEST]),
        languages=workspace.data.languages,
        shares=shares,
    )
    reasons = (*found.reasons, *_about(given, workspace, source, label, suite, now))
    key = derived_key(secret, workspace.workspace)
    return Document(
        document_id=document_id(given.workspace, given.source, given.own_id),
        source=source[:LONGEST_NAME] or "unnamed",
        text=text,
        label=label,
        suite=suite,
        subject=pseudonym(given.subject, key) if given.subject else None,
        metadata=metadata,
        trusted=trusted,
        language=found.language,
        masked=dict(masked.counts),
        reasons=reasons,
    )


def document_id(workspace: str, source: str, own_id: str) -> str:
    """The same for every revision of what a source knows under one id."""
    return str(uuid5(DOCUMENTS, "\x1f".join((workspace, source, own_id))))


def _about(
    given: Submission,
    workspace: Workspace,
    source: str,
    label: str | None,
    suite: str | None,
    now: datetime,
) -> list[Reason]:
    data = workspace.data
    name = f"a name of 1 to {LONGEST_NAME} characters"
    purposes = workspace.purposes_of(source)
    sizes = max((len(text.strip()) for pair in given.metadata.items() for text in pair), default=0)
    checks = (
        (not source or len(given.source.strip()) > LONGEST_NAME, "source", "source", name),
        (source in data.retired, "retired_source", "source", "a source that is not retired"),
        (len((given.label or "").strip()) > LONGEST_LABEL, "label", "label", f"at most {LONGEST_LABEL} characters"),
        (suite is not None and suite not in SUITES, "suite", "suite", " or ".join(SUITES)),
        (suite in SUITES and source not in data.trusted, "untrusted_suite", "source", "a source in data.trusted"),
        (suite in SUITES and label is None, "unlabelled_suite", "label", "a label, by which the suite judges"),
        (not _serves(workspace, source, suite), "purpose", "suite", f"a record to {' or '.join(purposes)} with"),
        (len(given.metadata) > MOST_METADATA, "metadata", "metadata", f"at most {MOST_METADATA} keys"),
        (sizes > LONGEST_VALUE, "metadata", "metadata", f"keys and values of at most {LONGEST_VALUE} characters"),
        (given.occurred_at > now + FUTURE, "future", "time", "a time that has come"),
    )
    return [Reason(code=code, field=field, expected=expected) for wrong, code, field, expected in checks if wrong]


def _serves(workspace: Workspace, source: str, suite: str | None) -> bool:
    """Whether a record can be used at all. What a source declares may be any purpose, so only a suite asks for one."""
    declared = workspace.sources.get(source)
    if suite not in SUITES and declared is not None and declared.purposes:
        return True
    return ("evaluate" if suite in SUITES else "train") in workspace.purposes_of(source)
