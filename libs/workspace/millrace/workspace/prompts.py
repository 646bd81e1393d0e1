"""A prompt as a version's artefact: `prompt.json`. It holds all that shapes an answer besides the base's weights."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from millrace.workspace.section import Section

Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
Text = Annotated[str, StringConstraints(max_length=20_000)]
PLACE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]{0,63})\s*\}\}")
"""Where a variable's value goes: `{{ name }}`."""


class Shot(Section):
    """An example that is shown before the question: values of the variables, and the answer to them."""

    given: dict[Variable, Text]
    answer: Text


class Decoding(Section):
    """How an answer is drawn; temperature 0 takes the likeliest token each time."""

    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: Annotated[int, Field(ge=1, le=32_768)] = 256
    stop: Annotated[tuple[Text, ...], Field(strict=False, max_length=16)] = ()
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 7


class Prompt(Section):
    """`template` with its `variables`, `few_shot` examples, `decoding`, and the language model (`base`) it is for."""

    format: Annotated[int, Field(ge=1, le=1)] = 1
    base: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_./-]{0,99}$")]
    template: Annotated[str, StringConstraints(min_length=1, max_length=100_000)]
    variables: Annotated[tuple[Variable, ...], Field(strict=False, max_length=50)]
    few_shot: Annotated[tuple[Shot, ...], Field(strict=False, max_length=100)] = ()
    decoding: Decoding = Decoding()

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        named, used = set(self.variables), set(PLACE.findall(self.template))
        if named != used:
            wrong = ", ".join(sorted(named ^ used))
            raise PydanticCustomError(
                "variables",
                "every variable once in the template as {{{{ name }}}}, and no other: {wrong}",
                {"wrong": wrong},
            )
        for number, shot in enumerate(self.few_shot, 1):
            if set(shot.given) != named:
                raise PydanticCustomError(
                    "few_shot", "values of every variable in example {number}", {"number": number}
                )
        return self
