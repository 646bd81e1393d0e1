"""Where two texts say the same, in characters of each as they were written."""

import re
import unicodedata
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import NamedTuple

WORDS = 3000
"""Words of each text that are looked at: the time is that of their product where all of them are alike."""

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\w+|[^\w\s]")
"""A word, a sign, or one character of a script that puts no space between words."""


class Span(NamedTuple):
    """The same words in two texts: where they begin and end in the one and in the other."""

    start: int
    end: int
    other_start: int
    other_end: int


def overlaps(text: str, other: str) -> list[Span]:
    """The runs of words that both have, in order; case, width and white space make no difference."""
    mine, theirs = _words(text), _words(other)
    matcher = SequenceMatcher(None, [word for word, _, _ in mine], [word for word, _, _ in theirs], autojunk=False)
    return [
        Span(mine[a][1], mine[a + size - 1][2], theirs[b][1], theirs[b + size - 1][2])
        for a, b, size in matcher.get_matching_blocks()
        if size
    ]


def _words(text: str) -> list[tuple[str, int, int]]:
    found: list[tuple[str, int, int]] = []
    for word in _each(text):
        if len(found) == WORDS:
            break
        found.append(word)
    return found


def _each(text: str) -> Iterator[tuple[str, int, int]]:
    for match in _WORD.finditer(text):
        yield unicodedata.normalize("NFKC", match[0]).casefold(), match.start(), match.end()
