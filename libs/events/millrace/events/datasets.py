"""Versions of data."""

from datetime import datetime

from pydantic import Field

from millrace.events.envelope import Event


class DatasetGrown(Event):
    """The corpus has grown by as many documents as the workspace waits for."""

    rows: int = Field(ge=0, description="kept rows in all")
    new: int = Field(ge=0, description="kept since the last version or the last such event")


class DatasetReleased(Event):
    """An immutable version was cut for a cycle."""

    dataset: str = Field(description="digest of the manifest: same rows, same digest")
    manifest: str = Field(description="blob of the manifest")
    rows: dict[str, int] = Field(description="rows in train, validation, fresh, golden")
    labels: dict[str, int] = Field(description="training rows of each label")
    attempt: int = Field(ge=1)
    parent: str | None = None
    change_point: datetime | None = None


class DatasetFailed(Event):
    """No version could be cut before the deadline."""

    reason: str
    attempt: int = Field(ge=1)
    missing: dict[str, int] = Field(default_factory=dict, description="labels still missing, in all and by name")
