"""What dedup knows of a document: on arrival, and once it is kept."""

from dataclasses import dataclass

from millrace.dedup.domain.sketch import Sketch
from millrace.events import Basis


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
            (self.label == other.label or self.label is None)
            and (self.suite == other.suite or (self.suite is None and other.golden))
            and (other.judges or not self.judges)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Kept(Arrival):
    """A row of the index."""

    cluster: str = ""


@dataclass(frozen=True, slots=True)
class Keep:
    """The document is new to the corpus. `trainable` is false where its cluster holds a golden row."""

    cluster: str
    trainable: bool
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """The document repeats a kept one. `kind` is exact or near, `similarity` in 0..1."""

    duplicate_of: str
    cluster: str
    kind: str
    similarity: float


Decision = Keep | Drop
