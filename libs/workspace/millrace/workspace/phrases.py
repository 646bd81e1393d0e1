"""Words and phrases that a team does not want to read: found as whole words, whatever their case and spacing.

Where words have no spaces between them (Chinese, Japanese, Thai and their neighbours) they are found anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from unicodedata import category, normalize

MOST_WORDS = 8
"""Words of one phrase."""

_MARKS = "".join(chr(code) for code in range(0x300, 0x10000) if category(chr(code)).startswith("M"))
_WORD = re.compile(f"[\\w{_MARKS}]+")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


def words_of(text: str) -> list[str]:
    return _WORD.findall(_folded(text))


def _folded(text: str) -> str:
    return normalize("NFKC", text).casefold()


@dataclass(frozen=True)
class Phrases:
    """`spaced` by their number of words; `unspaced` are found anywhere."""

    spaced: dict[int, frozenset[str]]
    unspaced: tuple[str, ...]

    def found(self, text: str) -> int:
        """How often any of them is in a text. Linear in the text, whatever it holds."""
        words = words_of(text)
        times = 0
        for number, phrases in self.spaced.items():
            groups = zip(*(words[at:] for at in range(number)), strict=False)
            times += sum(" ".join(group) in phrases for group in groups)
        if self.unspaced:
            folded = _folded(text)
            times += sum(folded.count(phrase) for phrase in self.unspaced)
        return times


@lru_cache(maxsize=256)
def phrases(declared: Sequence[str]) -> Phrases:
    """`declared` is a tuple: what it says is looked up again for each text."""
    spaced: dict[int, set[str]] = {}
    unspaced: list[str] = []
    for phrase in declared:
        words = words_of(phrase)
        if _UNSPACED.search(phrase):
            unspaced.append(_folded(phrase))
        else:
            spaced.setdefault(len(words), set()).add(" ".join(words))
    return Phrases({number: frozenset(some) for number, some in spaced.items()}, tuple(unspaced))
