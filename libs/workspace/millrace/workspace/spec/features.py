"""What is predicted of an entity, and from what."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator
from pydantic_core import PydanticCustomError

from millrace.workspace.quantities import Duration
from millrace.workspace.section import Section
from millrace.workspace.spec.names import Label, Value


class Feature(Section):
    """One figure of a value over a window that ends at the prediction, or the category that an entity is in.

    `over` is how far back it looks: 30 days for the last value and for a category where nothing is said. A category is
    read from the value that has the feature's own name; `unknown` is what anything else is.
    """

    count: Value | None = None
    sum: Value | None = None
    mean: Value | None = None
    min: Value | None = None
    max: Value | None = None
    std: Value | None = None
    last: Value | None = None
    distinct: Value | None = None
    category: Annotated[tuple[Label, ...], Field(strict=False, min_length=1, max_length=1000)] | None = None
    unknown: Label | None = None
    over: Duration | None = None

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, declared: Any) -> Any:
        if not isinstance(declared, Mapping):
            return declared
        filled = {"over": "30d"} if {"last", "category"} & declared.keys() else {}
        if "category" in declared:
            filled["unknown"] = "unknown"
        return filled | dict(declared)

    @model_validator(mode="after")
    def _one(self) -> Feature:
        kinds = [name for name in type(self).model_fields if name not in ("unknown", "over")]
        if sum(getattr(self, kind) is not None for kind in kinds) != 1:
            raise PydanticCustomError("kind", "exactly one of {kinds}", {"kinds": ", ".join(kinds)})
        if self.over is None:
            raise PydanticCustomError("window", "over, how far back it looks, such as 1h")
        if self.over > LONGEST_WINDOW:
            raise PydanticCustomError("window", "over at most {days}d", {"days": LONGEST_WINDOW.days})
        if self.unknown is not None and self.category is None:
            raise PydanticCustomError("unknown", "unknown beside category only")
        return self

    @model_serializer(mode="wrap")
    def _said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if value is not None}


LONGEST_WINDOW = timedelta(days=366)


class Target(Section):
    """What is predicted: the value that observations call `name`, as it is `horizon` after the prediction.

    It may be learned from if it was known within `arrives_within` of the time it is of.
    """

    name: Value
    kind: Literal["regression", "classification"]
    horizon: Duration
    arrives_within: Duration
