"""Whatever a validation fails by is told in our words."""

import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

import pytest
from pydantic import AwareDatetime, BaseModel, Field, ValidationError, field_validator
from pydantic_core import PydanticKnownError
from pydantic_core.core_schema import ErrorType

from millrace.workspace.expected import expected


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


CONTEXT: dict[str, Any] = {
    "attribute": "a", "error": "e", "class_name": "C", "class": "C", "multiple_of": 2, "gt": 1_000_000, "ge": 1.5,
    "lt": 1, "le": 1, "field_type": "List", "min_length": 1, "max_length": 2, "actual_length": 3, "encoding": "utf-8",
    "expected": "'a' or 'b'", "pattern": "^x$", "method_name": "m", "encoding_error": "x", "tz_expected": 1,
    "tz_actual": 2, "discriminator": "'kind'", "tag": "z", "expected_tags": "'a'", "expected_schemes": "'http'",
    "expected_version": 4, "max_digits": 3, "decimal_places": 2, "whole_digits": 1,
}  # fmt: skip


@pytest.mark.parametrize("kind", get_args(ErrorType))
def test_no_validation_of_pydantics_is_told_in_its_words(kind: ErrorType) -> None:
    """All that it can raise, so all that any of our models can."""
    error = _raised(kind)
    details: Any = {"type": kind, "msg": error.message(), "ctx": error.context or {}, "loc": (), "input": None}
    told = expected(details)
    assert told and told != error.message() and "{" not in told
    assert not re.search(r"Input|should|valid |Value error|Assertion", told), told


def _raised(kind: ErrorType) -> PydanticKnownError:
    try:
        return PydanticKnownError(kind, CONTEXT)
    except TypeError:
        return PydanticKnownError(kind)


def test_numbers_are_told_as_people_write_them() -> None:
    class Bounded(BaseModel):
        many: Annotated[int, Field(le=10_000_000)] = 1
        wait: Annotated[timedelta, Field(ge=timedelta(seconds=10))] = timedelta(minutes=1)

    with pytest.raises(ValidationError) as refused:
        Bounded.model_validate({"many": 10**9, "wait": 1})
    assert [expected(one) for one in refused.value.errors()] == ["at most 10,000,000", "at least 10 seconds"]
