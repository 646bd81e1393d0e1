"""How things are named in the file."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from millrace.workspace.phrases import MOST_WORDS, words_of

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,61}[a-z0-9]$")]
Label = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^\S(.*\S)?$")]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_./-]{0,99}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
Words = Annotated[tuple[Word, ...], Field(strict=False, max_length=100)]
Share = Annotated[float, Field(gt=0, lt=1)]
Value = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^\S(.*\S)?$")]
"""What observations call one of their values."""
Column = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
Key = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Patterns = Annotated[tuple[Annotated[str, StringConstraints(min_length=1)], ...], Field(strict=False, max_length=100)]


def _phrase(text: str) -> str:
    if not 0 < len(words_of(text)) <= MOST_WORDS:
        raise PydanticCustomError("phrase", "a word, or a phrase of at most {most} words", {"most": MOST_WORDS})
    return text


Phrase = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_phrase)]
Phrases = Annotated[tuple[Phrase, ...], Field(strict=False, max_length=5000)]
