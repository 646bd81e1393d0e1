"""A workspace's buckets in memory: which rows share one, as sorted runs that are merged as they grow.

A run's entries are a bucket's upper 32 bits and the row's place in the run, in one number: sorted, each bucket's rows
lie together, the oldest first. What two different buckets share by chance is told apart when signatures are compared.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from millrace.dedup.domain.bands import Banding
from millrace.dedup.domain.sketch import Uint16s

BUCKET_SIZE = 64
"""Rows of one bucket that are looked at: the oldest. A hot bucket costs no more than this."""

_GROWTH = 8
"""A run is merged into the one before it unless that is so much longer: few runs to search, few merges a row."""
_MOST_GONE = 4096
"""Rows that are gone and still in the runs, before they are taken out."""
_PLACE = np.uint64(0xFFFFFFFF)
_UPPER = np.uint64(32)


@dataclass(frozen=True, slots=True)
class _Run:
    entries: NDArray[np.uint64]
    seqs: NDArray[np.int64]

    def has(self, seq: int) -> bool:
        place = int(np.searchsorted(self.seqs, seq))
        return place < len(self.seqs) and int(self.seqs[place]) == seq

    def ranges(self, keys: NDArray[np.uint64], most: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """For each key, where its rows begin, and how many there are, up to `most`."""
        first = np.searchsorted(self.entries, keys)
        last = np.searchsorted(self.entries, keys | _PLACE, side="right")
        return first, np.minimum(last - first, most)

    def joined(self, newer: "_Run") -> "_Run":
        entries = np.concatenate((self.entries, newer.entries + np.uint64(len(self.seqs))))
        entries.sort(kind="stable")  # timsort: of two sorted runs it is one merge
        return _Run(entries, np.concatenate((self.seqs, newer.seqs)))

    def without(self, gone: NDArray[np.int64]) -> "_Run":
        stays = ~np.isin(self.seqs, gone)
        places = (np.cumsum(stays) - 1).astype(np.uint64)
        old = self.entries & _PLACE
        kept = stays[old]
        return _Run((self.entries & ~_PLACE | places[old])[kept], self.seqs[stays])


@dataclass(frozen=True, slots=True)
class Buckets:
    """A value: adding and taking away give another one. The rows' numbers rise with their age."""

    banding: Banding
    _runs: tuple[_Run, ...] = ()
    _gone: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def __len__(self) -> int:
        return sum(len(run.seqs) for run in self._runs) - len(self._gone)

    @property
    def nbytes(self) -> int:
        return sum(run.entries.nbytes + run.seqs.nbytes for run in self._runs)

    def added(self, seqs: Sequence[int], signatures: Uint16s) -> "Buckets":
        """With rows newer than all that are in it."""
        if not len(seqs):
            return self
        keys = self._keys(signatures) | np.arange(len(seqs), dtype=np.uint64)[:, None]
        run = _Run(np.sort(keys, axis=None), np.asarray(seqs, dtype=np.int64))
        runs = list(self._runs)
        while runs and len(runs[-1].seqs) < _GROWTH * len(run.seqs):
            run = runs.pop().joined(run)
        return Buckets(self.banding, (*runs, run), self._gone)

    def without(self, seqs: Sequence[int]) -> "Buckets":
        held = [seq for seq in seqs if any(run.has(seq) for run in self._runs)]
        if not held:
            return self
        gone = np.union1d(self._gone, np.asarray(held, dtype=np.int64))
        if len(gone) <= _MOST_GONE:
            return Buckets(self.banding, self._runs, gone)
        return Buckets(self.banding, tuple(run.without(gone) for run in self._runs))

    def candidates(self, signatures: Uint16s, most: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs (place of a signature, row's number) that share a bucket: for each the `most` that share most buckets
        with it, older before newer."""
        found = list(self._found(signatures))
        if not found:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        asks, seqs = (np.concatenate(part) for part in zip(*found, strict=True))
        order = np.lexsort((seqs, asks))
        asks, seqs = asks[order], seqs[order]
        looked_at = _rank(asks) < BUCKET_SIZE
        arrivals, seqs, shares = _tally(asks[looked_at] // self.banding.bands, seqs[looked_at])
        order = np.lexsort((seqs, -shares, arrivals))
        arrivals, seqs = arrivals[order], seqs[order]
        best = _rank(arrivals) < most
        return arrivals[best], seqs[best]

    def _found(self, signatures: Uint16s) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Pairs (place of a bucket among all that are asked for, row's number), run by run."""
        keys = self._keys(signatures).ravel()
        order = np.argsort(keys)
        most = BUCKET_SIZE + len(self._gone)
        for run in self._runs:
            first, counts = run.ranges(keys[order], most)
            hits = np.flatnonzero(counts)
            if not len(hits):
                continue
            first, counts = first[hits], counts[hits]
            within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
            seqs = run.seqs[run.entries[np.repeat(first, counts) + within] & _PLACE]
            asks = np.repeat(order[hits], counts)
            stays = ~np.isin(seqs, self._gone) if len(self._gone) else slice(None)
            yield asks[stays], seqs[stays]

    def _keys(self, signatures: Uint16s) -> NDArray[np.uint64]:
        return self.banding.buckets(signatures).view(np.uint64) & ~_PLACE


def _rank(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of each element within its group; groups lie together."""
    starts = np.flatnonzero(np.diff(groups, prepend=-1))
    return np.arange(len(groups)) - np.repeat(starts, np.diff(starts, append=len(groups)))


def _tally(
    arrivals: NDArray[np.int64], seqs: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The distinct pairs, and how often each came."""
    order = np.lexsort((seqs, arrivals))
    arrivals, seqs = arrivals[order], seqs[order]
    new = np.ones(len(seqs), dtype=bool)
    new[1:] = (np.diff(arrivals) != 0) | (np.diff(seqs) != 0)
    starts = np.flatnonzero(new)
    return arrivals[starts], seqs[starts], np.diff(starts, append=len(seqs))
