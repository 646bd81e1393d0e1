"""How a version that passed the gate reaches production."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from millrace.workspace.conditions import ConditionText
from millrace.workspace.quantities import Duration
from millrace.workspace.section import Section
from millrace.workspace.spec.names import Share


class Shadow(Section):
    labels: Annotated[int, Field(ge=1)] = 100
    require: ConditionText


class Canary(Section):
    """`shares` of the traffic, rising; each step needs `labels` labelled answers."""

    shares: Annotated[tuple[Share, ...], Field(strict=False, min_length=1, max_length=20)] = (0.1, 0.5)
    labels: Annotated[int, Field(ge=0)] = 50

    @field_validator("shares")
    @classmethod
    def _rising(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if any(after <= before for before, after in pairwise(shares)):
            raise PydanticCustomError("rising", "shares that rise, such as [0.1, 0.5]")
        return shares


class Rollout(Section):
    """How a version that passed the gate reaches production; after `at_most` in a stage `otherwise` applies.

    A null shadow or canary leaves that stage out; with approval `person` someone has to say yes before production,
    with `four-eyes` somebody else than who had the version trained or asked for its promotion.
    """

    shadow: Shadow | None
    canary: Canary | None = Canary()
    harm: Annotated[tuple[ConditionText, ...], Field(strict=False, max_length=20)]
    alpha: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    at_most: Duration = timedelta(days=7)
    otherwise: Literal["roll-back", "promote"] = "roll-back"
    approval: Literal["none", "person", "four-eyes"] = "none"
