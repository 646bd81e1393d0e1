"""What can be searched."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from millrace.workspace.section import Section, unique
from millrace.workspace.spec.names import Language, Word, Words


class Chunk(Section):
    """The pieces that a document is found by: `words` of it at most, of which `overlap` are those before it too."""

    words: Annotated[int, Field(ge=20, le=400)] = 200
    overlap: Annotated[int, Field(ge=0, le=200)] = 40

    @model_validator(mode="after")
    def _moves_on(self) -> Chunk:
        if self.overlap > self.words // 2:
            raise PydanticCustomError("overlap", "an overlap of at most half of its words")
        return self


class Corpus(Section):
    """Documents that can be searched: those of `sources`, in `languages` (any where none is named)."""

    sources: Annotated[Words, Field(min_length=1)]
    chunk: Chunk = Chunk()
    base: Word = "minilm"
    languages: Annotated[tuple[Language, ...], Field(strict=False, max_length=50)] = ()

    _once = field_validator("sources", "languages")(unique)
