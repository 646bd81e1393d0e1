"""A person's wish to be forgotten, and what each owner did about it."""

from pydantic import Field

from millrace.events.envelope import Event


class SubjectErased(Event):
    """All that is kept of a person goes, in every service that keeps rows."""

    retention = "traffic"
    people = ("subject",)

    erasure: str = Field(description="id of the request; every confirmation names it")
    subject: str = Field(description="keyed pseudonym, as in document.accepted")


class ErasureConfirmed(Event):
    """A service has erased what it kept of the person."""

    erasure: str
    service: str
    erased: dict[str, int] = Field(default_factory=dict, description="rows erased, by what they were")
    datasets: list[str] = Field(default_factory=list, description="digests of versions that were redacted")
    dataset_names: list[str] = Field(default_factory=list, description="what people call them: parcels@3")
    versions: list[str] = Field(default_factory=list, description="model versions that had learned from erased rows")
