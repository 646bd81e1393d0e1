"""The part of a workspace's index that a batch can touch, and the decisions on the batch, in its order."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from millrace.dedup.domain.bands import Banding, banding_for
from millrace.dedup.domain.buckets import BUCKET_SIZE
from millrace.dedup.domain.rows import Arrival, Decision, Drop, Keep, Kept


@dataclass(frozen=True, slots=True)
class Match:
    row: Kept
    similarity: float

    @property
    def kind(self) -> str:
        return "exact" if self.similarity == 1.0 else "near"


class Neighbourhood:
    """Kept rows by id, digest and bucket; rows that the batch keeps join it, so that order within a batch counts.

    `rows` come oldest first. `golden` are the clusters that hold a golden row; `retired` the sources whose rows no
    longer stand for anything. With `keeps_all` duplicates are kept as well, in the cluster of what they repeat.
    """

    def __init__(
        self,
        rows: Sequence[Kept],
        *,
        near: float,
        golden: Iterable[str] = (),
        retired: Collection[str] = (),
        purposes: Callable[[str], Collection[str]] = lambda source: (),
        banding: Banding | None = None,
        keeps_all: bool = False,
    ) -> None:
        self._near = near
        self._banding = banding or banding_for(near)
        self._retired = frozenset(retired)
        self._keeps_all = keeps_all
        self._purposes = purposes
        self._golden = set(golden)
        self._rows: dict[str, Kept] = {}
        self._by_digest: defaultdict[bytes, list[Kept]] = defaultdict(list)
        self._by_bucket: defaultdict[int, list[Kept]] = defaultdict(list)
        for row, buckets in zip(rows, _buckets(self._banding, rows), strict=True):
            self._add(row, buckets)

    def decide(self, arrivals: Sequence[Arrival]) -> Iterator[Decision]:
        """One decision for each, in order: as if they had come one by one."""
        for arrival, buckets in zip(arrivals, _buckets(self._banding, arrivals), strict=True):
            decision = self._decide(arrival, buckets)
            if isinstance(decision, Keep):
                self._keep(arrival, decision, buckets)
            elif decision.ends:
                self._remove(self._rows[decision.ends])
            yield decision

    def _decide(self, arrival: Arrival, buckets: Sequence[int]) -> Decision:
        former = self._rows.get(arrival.document_id) or self._rows.get(arrival.corrects or "")
        if former and _unchanged(arrival, former):
            return Drop(former.document_id, former.cluster, "exact", 1.0)
        matches = self._matches(arrival, buckets, former)
        same = next((match for match in matches if self._stands_for(match.row, arrival)), None)
        ends = former.document_id if former else None
        drop = Drop(same.row.document_id, same.row.cluster, same.kind, same.similarity, ends) if same else None
        if drop and not self._keeps_all:
            return drop
        cluster = self._cluster(arrival, matches, former)
        trainable = not (arrival.golden or cluster in self._golden)
        return Keep(cluster, trainable, ends, drop if self._keeps_all else None)

    def _matches(self, arrival: Arrival, buckets: Sequence[int], former: Kept | None) -> list[Match]:
        """Kept rows at least as similar as the threshold, the nearest first, older before newer; never its own past."""
        digest = arrival.sketch.digest
        same = {row.document_id: Match(row, 1.0) for row in self._by_digest.get(digest, ())}
        near = {
            row.document_id: Match(row, min(similarity, _ALMOST))
            for row in self._candidates(buckets)
            if row.document_id not in same and (similarity := arrival.sketch.similarity(row.sketch)) >= self._near
        }
        found = [match for match in (same | near).values() if match.row is not former]
        return sorted(found, key=lambda match: -match.similarity)

    def _candidates(self, buckets: Sequence[int]) -> Iterable[Kept]:
        rows = (row for bucket in buckets for row in islice(self._by_bucket.get(bucket, ()), BUCKET_SIZE))
        return {row.document_id: row for row in rows}.values()

    def _stands_for(self, row: Kept, arrival: Arrival) -> bool:
        if row.source in self._retired or not arrival.says_no_more_than(row):
            return False
        return set(self._purposes(arrival.source)) <= set(self._purposes(row.source))

    def _cluster(self, arrival: Arrival, matches: Sequence[Match], former: Kept | None) -> str:
        if arrival.home:
            return arrival.home
        if matches:
            return matches[0].row.cluster
        return former.cluster if former else arrival.document_id

    def _keep(self, arrival: Arrival, decision: Keep, buckets: Sequence[int]) -> None:
        if decision.replaces:
            self._remove(self._rows[decision.replaces])
        if arrival.golden:
            self._golden.add(decision.cluster)
        self._add(kept(arrival, decision.cluster), buckets)

    def _add(self, row: Kept, buckets: Sequence[int]) -> None:
        self._rows[row.document_id] = row
        self._by_digest[row.sketch.digest].append(row)
        for bucket in buckets:
            self._by_bucket[bucket].append(row)

    def _remove(self, row: Kept) -> None:
        del self._rows[row.document_id]
        self._by_digest[row.sketch.digest].remove(row)
        for bucket in _buckets(self._banding, [row])[0]:
            self._by_bucket[bucket].remove(row)


_ALMOST = float(np.nextafter(1.0, 0.0))
"""The similarity of texts that share every shingle and still differ."""


def kept(arrival: Arrival, cluster: str) -> Kept:
    return Kept(
        document_id=arrival.document_id,
        source=arrival.source,
        label=arrival.label,
        suite=arrival.suite,
        trusted=arrival.trusted,
        basis=arrival.basis,
        sketch=arrival.sketch,
        cluster=cluster,
    )


def _unchanged(arrival: Arrival, former: Kept) -> bool:
    """Published again as it was: nothing to revise."""
    return arrival.sketch.digest == former.sketch.digest and arrival.says_no_more_than(former)


def _buckets(banding: Banding, rows: Sequence[Arrival]) -> list[list[int]]:
    if not rows:
        return []
    buckets: list[list[int]] = banding.buckets(np.stack([row.sketch.signature for row in rows])).tolist()
    return buckets
