"""Duplicates in meaning: which documents stand, whatever order they are looked at in.

Abbas and others, "SemDeDup: Data-efficient learning at web-scale through semantic deduplication", 2023: texts are
compared by the cosine of their embeddings within a neighbourhood, and one of each group stays. Here that is the nearest
which an index finds, and the oldest stays: a document stands unless an older one that stands means the same.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from millrace.dedup.domain.rows import Kept

PIECE = 1000
"""Characters that are embedded at once: the encoder reads little more."""
PIECES = 8
"""Of a longer text so many are embedded, at equal distances."""


@dataclass(frozen=True, slots=True)
class Meant:
    """A document that stands, with its age. `founds` where it began its cluster and is compared for the first time."""

    seq: int
    row: Kept
    known_at: datetime
    founds: bool = False

    @property
    def age(self) -> tuple[datetime, str]:
        return self.known_at, self.row.document_id


@dataclass(frozen=True, slots=True)
class Same:
    """A document that means the same as an older one."""

    younger: Meant
    older: Meant
    similarity: float


def settle(
    new: Iterable[Meant],
    near: Mapping[int, Sequence[tuple[Meant, float]]],
    retired: Collection[str] = (),
    purposes: Callable[[str], Collection[str]] = lambda source: (),
) -> list[Same]:
    """Who no longer stands: `near` has the neighbours in meaning of each that is new, by its number.

    A row vanishes only into one that may do all that it may, as among near duplicates.
    """
    found: list[Same] = []
    gone: set[int] = set()
    for one in sorted(new, key=lambda meant: meant.age):
        for other, similarity in sorted(near.get(one.seq, ()), key=lambda pair: (-pair[1], pair[0].age)):
            if one.seq in gone:
                break
            older, younger = sorted((one, other), key=lambda meant: meant.age)
            if other.seq in gone or older.row.source in retired or not younger.row.says_no_more_than(older.row):
                continue
            if not set(purposes(younger.row.source)) <= set(purposes(older.row.source)):
                continue
            found.append(Same(younger, older, similarity))
            gone.add(younger.seq)
    return found


def joining(
    new: Iterable[Meant], near: Mapping[int, Sequence[tuple[Meant, float]]], same: Sequence[Same]
) -> dict[str, str]:
    """Which clusters become part of which: as among near duplicates that of the nearest, whatever its label.

    A cluster joins another once, when the document that began it is first compared: then all that is in it goes along.
    """
    repeats = {one.younger.seq: one.older for one in same}
    into: dict[str, str] = {}
    for one in sorted(new, key=lambda meant: meant.seq):
        earlier = [(other, similarity) for other, similarity in near.get(one.seq, ()) if other.seq < one.seq]
        if not one.founds or not earlier:
            continue
        nearest = min(earlier, key=lambda pair: (-pair[1], pair[0].age))[0]
        older = repeats.get(one.seq)
        home = (older if older and older.seq < one.seq else nearest).row.cluster
        home = into.get(home, home)
        if home != one.row.cluster:
            into[one.row.cluster] = home
    return into


def pieces(text: str) -> list[str]:
    """What of a text is embedded."""
    starts = range(0, max(len(text), 1), PIECE)
    if len(starts) > PIECES:
        starts_of = np.linspace(0, len(starts) - 1, PIECES).round().astype(int).tolist()
        return [text[starts[n] : starts[n] + PIECE] for n in starts_of]
    return [text[start : start + PIECE] for start in starts]


def joined(vectors: NDArray[np.float32], counts: Sequence[int]) -> NDArray[np.float32]:
    """The mean of each text's pieces, of length one."""
    sums = np.add.reduceat(vectors, np.cumsum([0, *counts[:-1]]), axis=0)
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    joint: NDArray[np.float32] = sums / np.maximum(length, 1e-9)
    return joint
