"""Judgements, offline and online."""

from typing import Any, Literal

from pydantic import Field

from millrace.events.envelope import Event
from millrace.events.parts import ConditionResult, Score, Verdict


class ModelEvaluated(Event):
    """A version was judged at the gate."""

    version: str
    against: str | None = Field(default=None, description="the production version it was compared with")
    revision: int = Field(ge=0, description="the route's revision that the request named")
    dataset: str
    verdict: Verdict
    conditions: list[ConditionResult]
    scores: dict[str, dict[str, Score]] = Field(description="the candidate's, by suite and metric")
    production: dict[str, dict[str, Score]] = Field(default_factory=dict)
    report: str = Field(description="blob of the report")


class EvaluationFailed(Event):
    """A version could not be judged."""

    version: str
    revision: int = Field(ge=0)
    reason: str


class RolloutJudged(Event):
    """A shadow or canary step came to a verdict."""

    version: str
    revision: int = Field(ge=0, description="the route's revision under which the evidence was gathered")
    step: Literal["shadow", "canary"]
    share: float | None = None
    verdict: Literal["promote", "roll-back", "inconclusive"]
    because: str
    evidence: dict[str, Any]
