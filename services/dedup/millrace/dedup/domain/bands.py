"""Locality-sensitive hashing: signatures cut into bands, so that similar texts share a bucket.

Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", chapter 3.4: with `b` bands of `r` rows, two texts of
similarity `s` share at least one bucket with probability 1 - (1 - s^r)^b.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from millrace.dedup.domain.sketch import PERMUTATIONS, Uint16s

RECALL = 0.95
"""Of pairs exactly at the threshold, the share that must become candidates; more similar ones are surer."""

_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Banding:
    rows: int

    @property
    def bands(self) -> int:
        return PERMUTATIONS // self.rows

    def finds(self, similarity: float) -> float:
        """The probability that two texts of this similarity share a bucket: the S-curve."""
        return float(1 - (1 - similarity**self.rows) ** self.bands)

    def buckets(self, signatures: Uint16s) -> NDArray[np.int64]:
        """(texts, PERMUTATIONS) -> (texts, bands) bucket hashes; band and layout enter the hash."""
        used = signatures[:, : self.rows * self.bands].reshape(len(signatures), self.bands, self.rows)
        hashes = np.broadcast_to(self._seeds(), used.shape[:2]).copy()
        for row in range(self.rows):
            hashes ^= used[:, :, row]
            hashes *= _MIX
            hashes ^= hashes >> np.uint64(32)
        return hashes.view(np.int64)

    def _seeds(self) -> NDArray[np.uint64]:
        return (np.arange(self.bands, dtype=np.uint64) + np.uint64(self.rows * 1_000)) * _MIX


@cache
def banding_for(threshold: float) -> Banding:
    """The most selective layout that still finds RECALL of the pairs exactly at the threshold."""
    layouts = (Banding(rows) for rows in range(PERMUTATIONS, 1, -1))
    return next((layout for layout in layouts if layout.finds(threshold) >= RECALL), Banding(1))
