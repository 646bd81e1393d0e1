"""Predictions, and what the replicas say of routes."""

from pydantic import Field

from millrace.events.envelope import Event
from millrace.events.parts import Arm, Lane


class PredictionRequested(Event):
    """A product asks for a prediction by topic."""

    retention = "intake"

    text: str
    request_id: str | None = Field(default=None, description="the event's id where absent")
    unit: str | None = Field(default=None, description="assignment unit: what a canary sticks to")


class PredictionServed(Event):
    """A version answered a request, on the caller's path or in shadow."""

    retention = "traffic"
    people = ("unit",)

    lane: Lane
    request_id: str
    prediction_id: str
    version: str
    arm: Arm
    revision: int = Field(ge=0, description="the route's revision")
    text: str = Field(description="the masked input; of features a JSON object of them")
    latency_ms: float = Field(ge=0, description="from acceptance to answer")
    tokens: int = Field(ge=0)
    unit: str | None = None
    label: str | None = None
    value: float | None = Field(default=None, description="the answer where it is a number, which has no label")
    probability: float | None = Field(default=None, ge=0, le=1, description="the top probability, calibrated")
    entropy: float | None = Field(default=None, ge=0, description="nats")
    novelty: float | None = Field(default=None, ge=0, description="distance to the nearest reference")
    error: str | None = Field(default=None, description="why the answer failed")
    late: bool = Field(default=False, description="took longer than a canary is given, whichever arm it is of")

    @property
    def stream(self) -> str:
        return f"{self.version}/{self.lane}"


class RouteApplied(Event):
    """All live replicas have a revision, or it failed."""

    revision: int = Field(ge=0)
    ok: bool
    replicas: int = Field(ge=0)
    reason: str = ""
