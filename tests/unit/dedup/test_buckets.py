"""Who shares a bucket: in whatever steps the rows came, and whatever left in between."""

import numpy as np
import pytest

from millrace.dedup.domain import PERMUTATIONS, Buckets, banding_for
from millrace.dedup.domain.buckets import BUCKET_SIZE

BANDING = banding_for(0.8)


def signatures(rows: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**16, (rows, PERMUTATIONS), dtype=np.uint16)


def pairs(buckets: Buckets, asked: np.ndarray, most: int = 32) -> list[tuple[int, int]]:
    return list(zip(*(part.tolist() for part in buckets.candidates(asked, most)), strict=True))


def test_a_row_shares_buckets_with_its_like_alone() -> None:
    rows = signatures(500)
    like = rows[100:103].copy()
    like[:, 20:] = signatures(3, seed=2)[:, 20:]
    buckets = Buckets(BANDING).added(range(500), rows)
    assert pairs(buckets, like) == [(0, 100), (1, 101), (2, 102)]
    assert pairs(buckets, signatures(50, seed=3)) == []


def test_steps_make_no_difference() -> None:
    rows = np.repeat(signatures(40), 30, axis=0)
    rows[:, ::9] = signatures(len(rows), seed=4)[:, ::9]
    gone = list(range(0, 1200, 7))
    whole = Buckets(BANDING).added(range(1200), rows).without(gone)
    steps = Buckets(BANDING)
    for start in range(0, 1200, 37):
        steps = steps.added(range(start, min(start + 37, 1200)), rows[start : start + 37])
        steps = steps.without([seq for seq in gone if start <= seq < start + 37])
    rebuilt = Buckets(BANDING).added([n for n in range(1200) if n % 7], rows[[n for n in range(1200) if n % 7]])
    asked = rows[::11]
    assert pairs(whole, asked) == pairs(steps, asked) == pairs(rebuilt, asked) != []
    assert len(whole) == len(steps) == len(rebuilt)


def test_those_that_share_most_come_first_and_the_oldest_of_a_hot_bucket_are_looked_at() -> None:
    row = signatures(1)
    rows = np.repeat(row, 3 * BUCKET_SIZE, axis=0)
    rows[:-1, 7:] = signatures(len(rows) - 1, seed=5)[:, 7:]
    buckets = Buckets(BANDING).added(range(len(rows)), rows)
    found = [seq for _, seq in pairs(buckets, row, most=1000)]
    assert found[0] == len(rows) - 1, "shares every bucket"
    assert found[1:] == list(range(BUCKET_SIZE))
    assert [seq for _, seq in pairs(buckets.without(range(10)), row, most=1000)][1:] == list(
        range(10, BUCKET_SIZE + 10)
    )
    assert len(pairs(buckets, row, most=5)) == 5


def test_what_is_gone_is_taken_out_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("millrace.dedup.domain.buckets._MOST_GONE", 50)
    rows = signatures(200)
    buckets = Buckets(BANDING).added(range(100), rows[:100]).added(range(100, 200), rows[100:])
    full = buckets.nbytes
    buckets = buckets.without(range(0, 120, 2))
    assert buckets.nbytes < full and len(buckets) == 140
    assert [seq for _, seq in pairs(buckets, rows)] == [n for n in range(200) if n % 2 or n >= 120]
    assert [seq for _, seq in pairs(buckets.added([200], rows[:1]), rows[:1])] == [200]


def test_an_empty_one_answers() -> None:
    assert pairs(Buckets(BANDING), signatures(2)) == []
    assert len(Buckets(BANDING).added([], signatures(0))) == 0


def test_what_is_not_in_it_can_go() -> None:
    buckets = Buckets(BANDING).added(range(10), signatures(10))
    assert len(buckets.without([3, 99]).without([3])) == 9
