"""How a version that answers in words is spoken to, and how it chooses its words."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from millrace.workspace.section import Section

LONGEST = 8192
"""Tokens of an answer, or of all that a version is told at once."""


class Turn(Section):
    """A text, and the answer to it that is shown as an example."""

    text: Annotated[str, Field(min_length=1, max_length=20_000)]
    answer: Annotated[str, Field(min_length=1, max_length=20_000)]


class Prompt(Section):
    """What is said before the text: a system's words, and examples of texts with their answers."""

    system: Annotated[str, Field(min_length=1, max_length=20_000)] | None = None
    examples: Annotated[tuple[Turn, ...], Field(strict=False, max_length=32)] = ()


class Decoding(Section):
    """How words are chosen. `temperature` 0 takes the likeliest; an answer has at most `max_tokens` and ends before
    any of `stop`."""

    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: Annotated[int, Field(ge=1, le=LONGEST)] = 128
    stop: Annotated[tuple[str, ...], Field(strict=False, max_length=8)] = ()

    @field_validator("stop")
    @classmethod
    def _said(cls, stop: tuple[str, ...]) -> tuple[str, ...]:
        if not all(stop):
            raise PydanticCustomError("stop", "no empty text: it would end every answer")
        return stop
