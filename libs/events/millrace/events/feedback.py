"""What people and systems say of answers."""

from datetime import datetime
from math import isfinite
from typing import Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from millrace.events.envelope import Event
from millrace.events.parts import Arm, Basis, FeedbackKind, Lane


class FeedbackGiven(Event):
    """A product passes on the truth of an input, or an opinion of an answer. The event's id is the feedback's."""

    retention = "intake"

    kind: FeedbackKind
    value: str | float = Field(description="label, outcome, edit: text; rating: -1 to 1; preference: the better's id")
    source: str = Field(min_length=1, description="who says so, e.g. agent, system, customer")
    request_id: str | None = None
    prediction_id: str | None = None
    over: str | None = Field(default=None, description="preference: the worse prediction's id")
    basis: Basis = "blind"
    supersedes: str | None = Field(default=None, description="the feedback that this corrects")
    actor: str | None = None

    @field_validator("value", mode="before")
    @classmethod
    def _finite(cls, value: object) -> object:
        if isinstance(value, float) and not isfinite(value):  # else the error would only say that it is no text
            raise PydanticCustomError("finite_number", "a finite number")
        return value

    @model_validator(mode="after")
    def _joinable(self) -> Self:
        if not (self.request_id or self.prediction_id):
            raise ValueError("request_id or prediction_id is needed: feedback that names neither can't be joined")
        if self.kind == "rating" and not (isinstance(self.value, float) and -1 <= self.value <= 1):
            raise ValueError("value: a rating is a number from -1 to 1")
        if self.kind != "rating" and not (isinstance(self.value, str) and self.value):
            raise ValueError(f"value: a {self.kind} is a non-empty text")
        return self


class FeedbackRecorded(Event):
    """One feedback joined to one prediction."""

    retention = "traffic"
    people = ("unit", "actor")

    lane: Lane
    feedback_id: str
    kind: FeedbackKind
    value: str | float
    source: str
    trusted: bool
    basis: Basis
    request_id: str
    prediction_id: str
    version: str
    arm: Arm
    revision: int = Field(ge=0, description="the route's revision the prediction was served under")
    predicted_at: datetime
    text: str = Field(description="the masked input")
    predicted: str | None = None
    correct: bool | None = Field(default=None, description="label and outcome: whether the prediction was right")
    unit: str | None = None
    actor: str | None = None
    supersedes: str | None = None

    @property
    def stream(self) -> str:
        return f"{self.version}/{self.lane}"
