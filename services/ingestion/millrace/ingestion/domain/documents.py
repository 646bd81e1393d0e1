"""A submitted document or interaction, and what becomes of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import singledispatch
from itertools import islice
from uuid import UUID, uuid5

from millrace.events import DocumentSubmitted, Event, InteractionLogged, Reason
from millrace.ingestion.domain.quality import of_metadata, of_text
from millrace.ingestion.domain.texts import LONGEST, Shares, cleaned, printable_share, read
from millrace.privacy import REDACT, Policy, Second, mask, pseudonym
from millrace.workspace import Task, Workspace

DOCUMENTS = UUID("3f1d5a53-6d5c-5d0e-8a7e-0f6f5d1f6a10")
FUTURE = timedelta(days=1)
LONGEST_NAME = 200
MOST_METADATA = 50
LONGEST_VALUE = 2000
SUITES = ("golden",)
HOST = re.compile(r"https?://(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?(?=[/?#]|$)")
"""The beginning of a web address, up to its host; one that names a user is none."""
PERSONAL: Mapping[str, str] = {
    "email": "e-mail address",
    "iban": "account number",
    "card": "card number",
    "phone": "phone number",
    "ip": "IP address",
    "national_id": "national id",
    "person": "name of a person",
    "location": "place",
}


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
    output: str | None = None
    """What was answered, as an interaction tells it."""

    def of(self, task: Task) -> Submission:
        """What was answered is the label where answers are learned, and else one of the product's own keys."""
        if self.output is None:
            return self
        if task.answers:
            return replace(self, label=self.label or self.output, output=None)
        return replace(self, metadata={**self.metadata, "output": self.output}, output=None)


@dataclass(frozen=True)
class Came:
    """What rules ask of a submission as it came, which is not kept: lengths in characters, shares."""

    text: int
    printable: float
    source: int
    label: int
    metadata: int
    longest_metadata: int


@dataclass(frozen=True)
class Document:
    """A submission as it may be kept: masked. What is too long is cut, and `came` tells."""

    document_id: str
    source: str
    text: str
    label: str | None
    suite: str | None
    subject: str | None
    metadata: dict[str, str]
    masked: dict[str, int]
    occurred_at: datetime
    came: Came

    @property
    def named(self) -> str:
        """The source's name where records are counted by it."""
        return self.source[:LONGEST_NAME] or "unnamed"


@dataclass(frozen=True)
class Verdict:
    """Every reason against a record, none where it is accepted, and its language where that was looked at."""

    reasons: tuple[Reason, ...] = ()
    language: str | None = None


@dataclass
class Mask:
    """Cleans and masks one field after the other, and counts. What is longer than `most` is cut, as it is refused."""

    policy: Policy = REDACT
    second: Second | None = None
    counts: Counter[str] = field(default_factory=Counter)

    def __call__(self, text: str, most: int) -> str:
        masked = mask(cleaned(text.strip()[: most + 1]), self.policy, self.second)
        self.counts.update(masked.counts)
        return masked.text

    def address(self, text: str, most: int, sites: Collection[str] | None = None) -> str:
        """Like any text, but that the host of a web address stays: a site's name is nobody's, be it a number.

        Of others' words only the hosts of `sites` are known to be such.
        """
        host = HOST.match(text.strip())
        if host is None or (sites is not None and host[0].partition("://")[2] not in sites):
            return self(text, most)
        return host[0] + self(text.strip()[host.end() :], most - host.end())


def document_id(workspace: str, source: str, own_id: str) -> str:
    """The same for every revision of what a source calls by that id."""
    return str(uuid5(DOCUMENTS, "\x1f".join((workspace, source, own_id))))


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
    return Submission(
        event.workspace,
        event.source,
        own_id,
        event.input,
        event.label,
        None,
        event.subject,
        event.metadata,
        event.occurred_at,
        event.output or None,
    )


def masked(given: Submission, *, longest: int, key: bytes, mask: Mask, sites: Collection[str] = ()) -> Document:
    """What may be kept of a submission, whatever a workspace has against it.

    A label has at most `longest` characters. `key` is the workspace's, and `sites` the hosts that it declares this
    source to be read from.
    """
    source, text = mask(given.source, LONGEST_NAME), mask(given.text, LONGEST)
    label, suite = mask(given.label or "", longest) or None, mask(given.suite or "", LONGEST_NAME) or None
    metadata = {
        mask(key, LONGEST_VALUE): mask.address(value, LONGEST_VALUE, sites)
        for key, value in islice(given.metadata.items(), MOST_METADATA)
    }
    return Document(
        document_id=document_id(given.workspace, given.source, given.own_id),
        source=source,
        text=text,
        label=label,
        suite=suite,
        subject=pseudonym(given.subject, key) if given.subject else None,
        metadata=metadata,
        masked=dict(mask.counts),
        occurred_at=given.occurred_at,
        came=Came(
            text=len(given.text.strip()),
            printable=printable_share(given.text[:LONGEST]),
            source=len(given.source.strip()),
            label=len((given.label or "").strip()),
            metadata=len(given.metadata),
            longest_metadata=max((len(text.strip()) for pair in given.metadata.items() for text in pair), default=0),
        ),
    )


def judged(document: Document, workspace: Workspace, *, now: datetime, shares: Shares) -> Verdict:
    """What a workspace has against a document: all of it, so that a person mends it once."""
    data = workspace.data
    found = read(
        document.text,
        length=document.came.text,
        printable=document.came.printable,
        languages=data.languages,
        shares=shares,
    )
    reasons = (
        *found.reasons,
        *(of_text(document.text, data.quality) if document.text else ()),
        *of_metadata(document.metadata, data.quality),
        *personal(document.masked, workspace),
        *_about(document, workspace, now),
    )
    return Verdict(reasons, found.language)


def personal(masked: Mapping[str, int], workspace: Workspace) -> list[Reason]:
    """A reason for each kind of personal data that was found, where the workspace refuses it."""
    if workspace.data.pii != "reject":
        return []
    return [Reason(code=f"pii_{kind}", field="record", expected=f"no {PERSONAL[kind]}") for kind in sorted(masked)]


def _about(document: Document, workspace: Workspace, now: datetime) -> list[Reason]:
    data, came = workspace.data, document.came
    source, label, suite = document.source, document.label, document.suite
    name = f"a name of 1 to {LONGEST_NAME} characters"
    purposes = workspace.purposes_of(source)
    checks = (
        (not source or came.source > LONGEST_NAME, "source", "source", name),
        (source in data.retired, "retired_source", "source", "a source that is not retired"),
        (came.label > workspace.meaning.longest, "label", "label", f"at most {workspace.meaning.longest} characters"),
        (suite is not None and suite not in SUITES, "suite", "suite", " or ".join(SUITES)),
        (suite in SUITES and source not in data.trusted, "untrusted_suite", "source", "a source in data.trusted"),
        (suite in SUITES and label is None, "unlabelled_suite", "label", "a label, by which the suite judges"),
        (not _serves(workspace, source, suite), "purpose", "suite", f"a record to {' or '.join(purposes)} with"),
        (came.metadata > MOST_METADATA, "metadata", "metadata", f"at most {MOST_METADATA} keys"),
        (
            came.longest_metadata > LONGEST_VALUE,
            "metadata",
            "metadata",
            f"keys and values of at most {LONGEST_VALUE} characters",
        ),
        (document.occurred_at > now + FUTURE, "future", "time", "a time that has come"),
    )
    return [Reason(code=code, field=field, expected=expected) for wrong, code, field, expected in checks if wrong]


def _serves(workspace: Workspace, source: str, suite: str | None) -> bool:
    """Whether a record can be used at all. What a source declares may be any purpose, so only a suite asks for one."""
    declared = workspace.sources.get(source)
    if suite not in SUITES and declared is not None and declared.purposes:
        return True
    return ("evaluate" if suite in SUITES else "train") in workspace.purposes_of(source)
