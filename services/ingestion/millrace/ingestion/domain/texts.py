"""Is this a text that a person wrote, in a language that the workspace takes?

The limits were measured on the 13,083 questions of Banking77, clean and with 8 % of the letters mistyped, and on 3,000
keyboard mashes: a share of the allowed languages under 0.015 is met by none of the clean, by 1 in 1,000 of the mistyped
and by 93 % of the mashes; more than half of the letters in words that can't be spoken by none of the first two.
bench/language.py measures the shares again, beside another engine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from millrace.events import Reason
from millrace.privacy import TAG

SHORTEST = 5
LONGEST = 20_000
LEAST_LETTERS = 3
LEAST_PRINTABLE = 0.95
LEAST_LANGUAGE = 0.015
LETTERS_FOR_LANGUAGE = 10
LOOKED_AT = 400
"""Characters of a text by which its language is told: more cost more and say nothing else (bench/language.py)."""
MOST_UNSPEAKABLE = 0.5
_NO_LANGUAGE = {"unprintable", "no_words", "gibberish"}
"""What is in no language, so that asking for one would only say the same again."""
LONG_WORD = 32
"""A longer one is not remembered: the memory for words stays small."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_WORD = re.compile(r"[^\W\d_]+")
_CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxz]{6}")
_REPEATED = re.compile(r"(.)\1\1\1")
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_KEYS = frozenset(line[at : at + 5] for row in _ROWS for line in (row, row[::-1]) for at in range(len(row) - 4))

Shares = Callable[[str], Mapping[str, float]]


@dataclass(frozen=True)
class Read:
    """What is wrong with a text, and the allowed language it is most likely in where that was looked at."""

    reasons: tuple[Reason, ...]
    language: str | None = None


def cleaned(text: str) -> str:
    """Without control characters, which no store should have to hold, and without space around it."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def read(text: str, *, length: int, printable: float, languages: Sequence[str], shares: Shares) -> Read:
    """Every reason against a cleaned and masked text; `length` and the share `printable` are of the text as it came."""
    if not text:
        return Read((_reason("empty", "a text"),))
    bare = TAG.sub(" ", text)
    letters = sum(map(str.isalpha, bare))
    reasons = [
        reason
        for refused, reason in (
            (len(text) < SHORTEST, _reason("too_short", f"at least {SHORTEST} characters, not {len(text)}")),
            (length > LONGEST, _reason("too_long", f"at most {LONGEST} characters, not {length}")),
            (printable < LEAST_PRINTABLE, _reason("unprintable", "printable characters")),
            (letters < LEAST_LETTERS, _reason("no_words", f"at least {LEAST_LETTERS} letters")),
            (unspeakable(bare) > MOST_UNSPEAKABLE, _reason("gibberish", "words")),
        )
        if refused
    ]
    if {reason.code for reason in reasons} & _NO_LANGUAGE:
        return Read(tuple(reasons))
    spoken = _spoken(bare, letters, languages, shares)
    return Read((*reasons, *spoken.reasons), spoken.language)


def printable_share(text: str) -> float:
    """Share of characters that are neither control characters nor replacements of what could not be decoded."""
    if not text:
        return 1.0
    return 1 - (len(_CONTROL.findall(text.replace("\r", ""))) + text.count("\ufffd")) / len(text)


def unspeakable(text: str) -> float:
    """Share of the letters in words that nobody can say: no vowel, six consonants in a row, runs of keys."""
    words = _WORD.findall(text.lower())
    return sum(len(word) for word in words if _unsaid(word)) / max(1, sum(map(len, words)))


def _unsaid(word: str) -> bool:
    if len(word) < 4 or not word.isascii():
        return False
    return _is_unspeakable(word) if len(word) <= LONG_WORD else _is_unspeakable.__wrapped__(word)


@lru_cache(maxsize=50_000)
def _is_unspeakable(word: str) -> bool:
    """Remembered: the same words come again and again, and this is most of what a text costs."""
    return (
        not set(word) & set("aeiouy")
        or bool(_CONSONANTS.search(word) or _REPEATED.search(word))
        or any(word[at : at + 5] in _KEYS for at in range(len(word) - 4))
    )


def _spoken(text: str, letters: int, languages: Sequence[str], shares: Shares) -> Read:
    if not languages:
        return Read(())
    if letters < LETTERS_FOR_LANGUAGE:
        return Read((), languages[0] if len(languages) == 1 else None)
    found = shares(looked_at(text))
    allowed = {language: found.get(language, 0.0) for language in languages}
    if sum(allowed.values()) < LEAST_LANGUAGE:
        likeliest = max(found, key=lambda language: found[language], default="none that is known")
        return Read((_reason("language", f"a text in {' or '.join(languages)}, not {likeliest}"),))
    return Read((), max(allowed, key=lambda language: allowed[language]))


def looked_at(text: str) -> str:
    """As much of a text as its language is told by: of a long one pieces of its beginning, middle and end."""
    if len(text) <= LOOKED_AT:
        return text
    piece = LOOKED_AT // 3
    middle = (len(text) - piece) // 2
    return " ".join((text[:piece], text[middle : middle + piece], text[-piece:]))


def _reason(code: str, expected: str) -> Reason:
    return Reason(code=code, field="text", expected=expected)
