"""Reciprocal rank fusion: several rankings become one without their scores being comparable.

Cormack, Clarke and Büttcher 2009, "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods".
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

SMOOTHING = 60
"""The paper's k: how little the first of a ranking is worth more than the second."""


class Key(NamedTuple):
    """A chunk: of which revision of a document, and the how manieth."""

    document: int
    ordinal: int


class Ranked(NamedTuple):
    """A chunk of the fused ranking, with its place (from 1) in each that has it."""

    key: Key
    score: float
    places: Mapping[str, int]


def fused(rankings: Mapping[str, Sequence[Key]]) -> list[Ranked]:
    """The best first; of equals the one that comes first in the rankings as given."""
    places: defaultdict[Key, dict[str, int]] = defaultdict(dict)
    for name, ranking in rankings.items():
        for place, key in enumerate(ranking, start=1):
            places[key].setdefault(name, place)
    scored = [
        Ranked(key, sum(1 / (SMOOTHING + place) for place in held.values()), held) for key, held in places.items()
    ]
    return sorted(scored, key=lambda one: -one.score)
