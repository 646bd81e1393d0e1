"""What a record has to be beyond what every text has to be."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from millrace.workspace.quality import Preset
from millrace.workspace.section import Section, unique
from millrace.workspace.spec.names import Key, Label, Patterns, Phrases


class Limit(Section):
    """Bounds of a figure, both included."""

    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _bounds(self) -> Limit:
        if self.min is None and self.max is None:
            raise PydanticCustomError("limit", "min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise PydanticCustomError("limit", "min at most max")
        return self


class Typed(Section):
    """What a key of `metadata` or of an observation's `values` has to be. `min` and `max` are of numbers."""

    type: Literal["text", "integer", "number", "boolean", "date", "time"] | None = None
    required: bool = False
    min: float | None = None
    max: float | None = None
    one_of: Annotated[tuple[Label, ...], Field(strict=False, min_length=1, max_length=1000)] | None = None
    pattern: str | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Typed:
        bounded = self.min is not None or self.max is not None
        if bounded and self.type not in ("integer", "number", None):
            raise PydanticCustomError("typed", "min and max only of type integer or number")
        if bounded and (self.one_of is not None or self.pattern is not None):
            raise PydanticCustomError("typed", "either min and max, or one_of and pattern")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise PydanticCustomError("typed", "min at most max")
        return self


class Quality(Section):
    """What a record has to be beyond what every text has to be.

    `presets` are published filters, for long texts; `limits` are bounds by measure (`quality.MEASURES`), where null
    lifts one of a preset. No pattern of `deny` may match the text anywhere, each of `require` has to. None of
    `blocked_words` may be in the text, as whole words and whatever their case.
    """

    presets: Annotated[tuple[Preset, ...], Field(strict=False)] = ()
    limits: dict[str, Limit | None] = Field(default_factory=dict, max_length=100)
    metadata: dict[Key, Typed] = Field(default_factory=dict, max_length=50)
    values: dict[Key, Typed] = Field(default_factory=dict, max_length=500)
    deny: Patterns = ()
    require: Patterns = ()
    blocked_words: Phrases = ()

    _once = field_validator("presets", "deny", "require", "blocked_words")(unique)
