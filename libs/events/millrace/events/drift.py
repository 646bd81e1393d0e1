"""The world changed."""

from datetime import datetime

from pydantic import Field

from millrace.events.envelope import Event
from millrace.events.parts import Lane


class DriftDetected(Event):
    """A monitor of a version in production rang."""

    lane: Lane
    version: str
    monitor: str = Field(description="the signal, e.g. confidence, error, novelty, label_share")
    detector: str
    statistic: float
    before: float = Field(description="the signal's mean before the change point")
    after: float = Field(description="the signal's mean after it")
    change_point: datetime = Field(description="time of the first prediction thought to be after the change")
    predictions: int = Field(ge=0, description="predictions of the stream up to the alarm")
    since_change: int = Field(ge=0, description="predictions from the change point to the alarm")
    examples: list[str] = Field(default_factory=list, description="ids of the predictions that moved most")
