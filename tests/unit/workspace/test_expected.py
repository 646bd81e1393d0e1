"""Whatever a validation fails by is told in our words."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import AwareDatetime, BaseModel, Field, ValidationError, field_validator

from millrace.workspace.expected import WORDS, expected


class Told(BaseModel, extra="forbid"):
    text: Annotated[str, Field(min_length=2, max_length=5, pattern="^[a-z]+$")] = "abc"
    name: Annotated[str, Field(min_length=1)] = "a"
    number: Annotated[int, Field(ge=1, le=10)] = 1
    share: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = 0.5
    flag: bool = True
    few: Annotated[tuple[str, ...], Field(min_length=1, max_length=2)] = ("a",)
    kind: Literal["red", "blue"] = "red"
    id: UUID = UUID(int=1)
    at: AwareDatetime = datetime.fromisoformat("2026-01-01T00:00:00Z")
    inside: dict[str, int] = Field(default_factory=dict)
    own: str = ""

    @field_validator("own")
    @classmethod
    def _ours(cls, value: str) -> str:
        if value:
            raise ValueError("nothing at all")
        return value


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"text": "a"}, "text of at least 2 characters"),
        ({"text": "abcdef"}, "text of at most 5 characters"),
        ({"text": "ABC"}, "text that matches the pattern ^[a-z]+$"),
        ({"text": 3}, "text"),
        ({"name": ""}, "text"),
        ({"number": 0}, "at least 1"),
        ({"number": 11}, "at most 10"),
        ({"number": 1.5}, "a whole number"),
        ({"number": "x"}, "a whole number"),
        ({"share": 0}, "more than 0"),
        ({"share": 1}, "less than 1"),
        ({"share": float("nan")}, "a finite number"),
        ({"share": "x"}, "a number"),
        ({"flag": "perhaps"}, "true or false"),
        ({"few": []}, "at least one, not none"),
        ({"few": ["a", "b", "c"]}, "at most 2 of them, not 3"),
        ({"few": 3}, "a list"),
        ({"kind": "green"}, "one of 'red' or 'blue'"),
        ({"id": "x"}, "an id, 32 hex digits"),
        ({"at": "yesterday"}, "a time with its zone, such as 2026-11-21T10:00:00Z"),
        ({"at": "2026-01-01T00:00:00"}, "a time with its zone, such as 2026-11-21T10:00:00Z"),
        ({"inside": 3}, "a mapping of keys to values"),
        ({"inside": {"a": None}}, "a whole number"),
        ({"own": "x"}, "nothing at all"),
        ({"odd": 1}, "no such key"),
    ],
)
def test_it_is_said_what_should_have_stood_there(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Told.model_validate(given)
    assert expected(refused.value.errors()[0]) == told


def test_words_have_no_holes_that_a_validation_does_not_fill() -> None:
    known = {"max_length", "actual_length", "pattern", "gt:g", "ge:g", "lt:g", "le:g", "expected", "error"}
    holes = {part.split("}")[0] for words in WORDS.values() for part in words.split("{")[1:]}
    assert holes <= known
