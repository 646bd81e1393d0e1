"""The same said in other words: rewrites of English texts that keep what is meant, the same on every machine.

Contractions, politeness, greetings and a small list of words that stand for one another; nothing that needs to
understand a text. What a team's customers really say in other words only the team can bring.
"""

import re
from collections.abc import Mapping
from hashlib import sha256

CONTRACTED = {
    "aren't": "are not",
    "can't": "cannot",
    "couldn't": "could not",
    "didn't": "did not",
    "doesn't": "does not",
    "don't": "do not",
    "hasn't": "has not",
    "haven't": "have not",
    "i'm": "I am",
    "i've": "I have",
    "isn't": "is not",
    "it's": "it is",
    "that's": "that is",
    "there's": "there is",
    "wasn't": "was not",
    "weren't": "were not",
    "what's": "what is",
    "where's": "where is",
    "won't": "will not",
    "wouldn't": "would not",
    "you're": "you are",
}
ALIKE = {
    "begin": "start",
    "bought": "purchased",
    "buy": "purchase",
    "can you": "could you",
    "could you": "can you",
    "hello": "hi",
    "help me": "assist me",
    "hey": "hello",
    "hi": "hello",
    "how can i": "how do I",
    "how do i": "how can I",
    "i need to": "I have to",
    "i want": "I would like",
    "i would like": "I want",
    "incorrect": "wrong",
    "many thanks": "thank you",
    "maybe": "perhaps",
    "package": "parcel",
    "packages": "parcels",
    "parcel": "package",
    "parcels": "packages",
    "perhaps": "maybe",
    "purchase": "buy",
    "purchased": "bought",
    "purchasing": "buying",
    "received": "got",
    "right now": "at the moment",
    "start": "begin",
    "thank you": "thanks",
    "thanks": "thank you",
    "wrong": "incorrect",
}
"""Pairs that change no label; a team whose labels hang on one of them brings rows of its own."""
BEFORE = ("Hello, ", "Hi there, ", "Good morning, ", "Could you help? ", "")
AFTER = (" Thank you.", " Many thanks!", " Thanks in advance.", " Please help.")
_APOSTROPHE = re.compile("[\u2018\u2019]")
_PLEASE_FIRST = re.compile(r"please,? +(?=\w)", re.IGNORECASE)
_GREETED = re.compile(r"(?:hello|hi|hey|good (?:morning|afternoon|evening)|dear)\b", re.IGNORECASE)


def _pattern(words: Mapping[str, str]) -> re.Pattern[str]:
    longest = sorted(words, key=lambda word: (-len(word), word))
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, longest))})\b(?!')", re.IGNORECASE)


_EXPANDED = {said.lower(): short for short, said in CONTRACTED.items()}
_CONTRACTED_THERE, _EXPANDED_THERE, _ALIKE_THERE = _pattern(CONTRACTED), _pattern(_EXPANDED), _pattern(ALIKE)


def rewrite(text: str) -> str | None:
    """The text in other words; None for one without words. Its rewrite depends on the text alone.

    >>> rewrite("please tell me where my parcel is, it isn't here")
    'Good morning, tell me where my package is, it is not here, please'
    """
    plain = _APOSTROPHE.sub("'", text).strip()
    if not any(letter.isalpha() for letter in plain):
        return None
    chance = sha256(plain.encode("utf-8", "surrogatepass")).digest()
    moved = _please_last(plain)
    if _CONTRACTED_THERE.search(moved):
        said = _swapped(moved, _CONTRACTED_THERE, CONTRACTED)
    else:
        said = _swapped(moved, _EXPANDED_THERE, _EXPANDED)
    said = _swapped(said, _ALIKE_THERE, ALIKE)
    before = "" if _GREETED.match(said) else BEFORE[chance[0] % len(BEFORE)]
    after = "" if before or moved != plain else AFTER[chance[1] % len(AFTER)]
    end = "." if after and said[-1].isalnum() else ""
    return f"{before}{said}{end}{after}"


def _please_last(text: str) -> str:
    """`Please do this.` as `do this, please.`"""
    asked = _PLEASE_FIRST.match(text)
    if asked is None:
        return text
    rest = text[asked.end() :]
    body = rest.rstrip(".!? ")
    return f"{body}, please{rest[len(body) :].rstrip()}"


def _swapped(text: str, there: re.Pattern[str], words: Mapping[str, str]) -> str:
    return there.sub(lambda found: _like(found[0], words[found[0].lower()]), text)


def _like(old: str, new: str) -> str:
    """With the old word's capital."""
    if len(old) > 1 and old.isupper():
        return new.upper()
    return new[0].upper() + new[1:] if old[0].isupper() else new
