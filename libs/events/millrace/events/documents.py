"""Texts and observations on their way from a product to a clean corpus."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from millrace.events.envelope import Event
from millrace.events.parts import Basis, Lane, Origin, Reason, Split

Metadata = Annotated[dict[str, str], Field(default_factory=dict, description="the product's own keys, masked as text")]

Released = Annotated[
    str | None, Field(default=None, description="who let it in by hand, where rules had rejected it; absent otherwise")
]


KnownSince = Annotated[
    AwareDatetime | None,
    Field(default=None, description="of history: since when its source has known it, for moments before `known_at`"),
]


class DocumentSubmitted(Event):
    """A product submits a text, labelled or not."""

    retention = "intake"

    source: str = Field(min_length=1, description="the product's name for where the text comes from")
    text: str
    document_id: str | None = Field(default=None, description="the source's own id; the event's id where absent")
    label: str | None = None
    suite: str | None = Field(default=None, description="golden for rows that only judge")
    subject: str | None = Field(default=None, description="the person the text is about; kept as a pseudonym")
    metadata: Metadata


class InteractionLogged(Event):
    """A product logs what a person wrote and how it was resolved."""

    retention = "intake"

    source: str = Field(min_length=1)
    input: str
    interaction_id: str | None = None
    output: str | None = None
    label: str | None = Field(default=None, description="the resolution, where the product knows it")
    subject: str | None = None
    metadata: Metadata


class ObservationSubmitted(Event):
    """A product submits measured values of an entity at a time."""

    retention = "intake"

    source: str = Field(min_length=1)
    entity: str = Field(min_length=1)
    values: dict[str, float | str | None]
    known_since: KnownSince


class DocumentAccepted(Event):
    """A document is valid and masked."""

    retention = "traffic"
    people = ("subject",)

    document_id: str
    source: str
    text: str
    origin: Origin
    trusted: bool = Field(description="whether its source may judge as well as train")
    label: str | None = None
    suite: str | None = None
    language: str | None = None
    subject: str | None = Field(default=None, description="keyed pseudonym")
    masked: dict[str, int] = Field(
        default_factory=dict, description="how many of each kind of personal data were masked"
    )
    metadata: Metadata
    released_by: Released


class DocumentRejected(Event):
    """A document broke the workspace's rules; it carries reasons, never the text."""

    retention = "traffic"

    document_id: str
    source: str
    origin: Origin
    reasons: list[Reason] = Field(min_length=1)


class ObservationAccepted(Event):
    """An observation is valid."""

    retention = "traffic"
    people = ("entity",)

    lane: Lane
    source: str
    entity: str
    values: dict[str, float | str | None]
    known_since: KnownSince
    released_by: Released


class ObservationRejected(Event):
    """An observation broke the workspace's rules."""

    retention = "traffic"

    lane: Lane
    source: str
    reasons: list[Reason] = Field(min_length=1)


class DocumentKept(Event):
    """A document is new, and joins the corpus in a cluster whose split is fixed."""

    retention = "traffic"
    people = ("subject",)

    document_id: str
    source: str
    text: str
    origin: Origin
    cluster: str = Field(description="id of the cluster's first document")
    split: Split = Field(description="hash of the cluster; test rows are held out")
    trainable: bool = Field(description="false where the cluster holds a golden row")
    trusted: bool
    label: str | None = None
    suite: str | None = None
    language: str | None = None
    subject: str | None = None
    basis: Basis | None = Field(default=None, description="for feedback: whether our answer was seen")
    feedback_id: str | None = None
    rejected: str | None = Field(default=None, description="of an edit: what was answered, in whose place the label is")
    rating: float | None = Field(
        default=None, ge=-1, le=1, description="of a rating: how good the label, which was answered, was said to be"
    )
    replaces: str | None = Field(default=None, description="the kept document that this is a new revision of")
    metadata: Metadata


class DocumentDuplicated(Event):
    """A document repeats a kept one and joins its cluster.

    It may come again for the same document, when what that repeats is gone and another stands for it: the last counts.
    Where a document was kept before, what `ends` names stands no more, and `duplicate_of` does: always of kind
    semantic, of the others where a kept document was revised into what another says.
    """

    retention = "traffic"

    document_id: str
    source: str
    duplicate_of: str
    kind: str = Field(description="exact, near or semantic")
    similarity: float = Field(ge=0, le=1)
    cluster: str
    weighs: bool = Field(default=False, description="whether the kept row counts once more for it")
    ends: str | None = Field(
        default=None, description="the kept document that ends with it: its own former text, or what it corrects"
    )

    @property
    def ended(self) -> str | None:
        """The document that was kept and stands no more. Events of kind semantic from before `ends` are of such."""
        return self.ends or (self.document_id if self.kind == "semantic" else None)


class DocumentRetired(Event):
    """A document is gone at its source or was withdrawn there: what stands of it, known until now, stands no more.

    Readers compare `known_at`: a row of the same document that was known later is a new revision, and stays.
    """

    retention = "traffic"

    document_id: str
    source: str
    because: Literal["vanished", "withdrawn"]
