"""The typo suite: the same misspelling of the same text for the same seed, on every machine."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence

RATE = 0.023
"""Share of letters at which a slip happens: what people on phones leave wrong (Palin et al. 2019, "How do people type
on mobile devices?")."""

ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def _neighbours() -> dict[str, str]:
    keys = {letter: (row, column) for row, letters in enumerate(ROWS) for column, letter in enumerate(letters)}
    near = {}
    for letter, (row, column) in keys.items():
        near[letter] = "".join(
            other for other, (r, c) in keys.items() if other != letter and abs(r - row) <= 1 and abs(c - column) <= 1
        )
    return near


NEIGHBOURS = _neighbours()


def misspell(text: str, seed: int, rate: float = RATE) -> str:
    """One text with keyboard neighbours, swapped letters, dropped and doubled letters.

    Digits, punctuation and masks such as ``[EMAIL]`` stay, and so does the first letter of each word, which people
    rarely miss (Pruthi, Dhingra and Lipton 2019, "Combating adversarial misspellings").

    >>> misspell("my parcel has not arrived", seed=7, rate=0.3)
    'my parcel has noot arrkvd'
    """
    chance = random.Random(hashlib.sha256(f"{seed}\x1f{text}".encode()).digest())
    letters = list(text)
    out: list[str] = []
    masked = False
    at = 0
    while at < len(letters):
        letter = letters[at]
        masked = (masked or letter == "[") and letter != "]"
        inner = at > 0 and letters[at - 1].isalpha() and letter.lower() in NEIGHBOURS
        if masked or not inner or chance.random() >= rate:
            out.append(letter)
            at += 1
            continue
        slip = chance.choice(("neighbour", "swap", "drop", "double"))
        if slip == "neighbour":
            out.append(chance.choice(NEIGHBOURS[letter.lower()]))
        elif slip == "swap" and at + 1 < len(letters) and letters[at + 1].isalpha():
            out += [letters[at + 1], letter]
            at += 1
        elif slip == "double":
            out += [letter, letter]
        at += 1
    return "".join(out)


def typos(texts: Sequence[str], seed: int, rate: float = RATE) -> list[str]:
    """Each text misspelt; a text's slips depend on the text and the seed only, not on its neighbours."""
    return [misspell(text, seed, rate) for text in texts]
