"""Who stands among texts that mean the same."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.dedup.domain import Kept, Meant, Same, Sketch, joined, joining, pieces, settle

START = datetime(2026, 1, 5, tzinfo=UTC)


def meant(n: int, *, minutes: int | None = None, **fields) -> Meant:
    values = {"source": "web", "label": "lost", "suite": None, "trusted": True, "basis": None}
    sketch = Sketch(b"", np.zeros(0, dtype=np.uint16), "")
    row = Kept(document_id=f"d{n}", sketch=sketch, cluster=f"d{n}", **(values | fields))
    return Meant(n, row, START + timedelta(minutes=n if minutes is None else minutes))


def ended(new: list[Meant], near: dict[int, list[tuple[Meant, float]]], **more) -> list[tuple[str, str]]:
    return [(one.younger.row.document_id, one.older.row.document_id) for one in settle(new, near, **more)]


def test_the_older_stays_whichever_comes_first() -> None:
    a, b = meant(1), meant(2)
    assert ended([b], {2: [(a, 0.97)]}) == [("d2", "d1")]
    assert ended([a], {1: [(b, 0.97)]}) == [("d2", "d1")]
    assert ended([a, b], {1: [(b, 0.97)], 2: [(a, 0.97)]}) == [("d2", "d1")]
    assert ended([meant(2, minutes=1)], {2: [(a, 0.97)]}) == [("d2", "d1")], "the id decides between the same ages"


def test_it_vanishes_into_the_nearest() -> None:
    assert ended([meant(3)], {3: [(meant(1), 0.96), (meant(2), 0.99)]}) == [("d3", "d2")]


@pytest.mark.parametrize(
    ("young", "old"),
    [
        ({"label": "late"}, {}),
        ({}, {"label": None}),
        ({"suite": "golden"}, {}),
        ({}, {"trusted": False}),
        ({}, {"basis": "shown"}),
    ],
)
def test_a_row_vanishes_only_into_one_that_may_do_all_that_it_may(young: dict, old: dict) -> None:
    assert ended([meant(2, **young)], {2: [(meant(1, **old), 1.0)]}) == []


def test_a_golden_row_takes_in_what_comes_after_it() -> None:
    assert ended([meant(2)], {2: [(meant(1, suite="golden"), 0.99)]}) == [("d2", "d1")]


def test_a_retired_source_stands_for_nothing() -> None:
    assert ended([meant(2)], {2: [(meant(1, source="bad"), 1.0)]}, retired=["bad"]) == []


def test_who_is_gone_takes_nobody_along() -> None:
    a, b, c = meant(1), meant(2), meant(3)
    near = {1: [(b, 0.97)], 2: [(a, 0.97), (c, 0.97)], 3: [(b, 0.97)]}
    assert ended([a, b, c], near) == [("d2", "d1")], "c is near to b alone, which does not stand"


PLACE = st.integers(0, 7)


@given(st.permutations(range(8)), st.sets(st.tuples(PLACE, PLACE), max_size=14), st.integers(1, 8))
def test_any_order_in_any_batches_comes_to_the_same(order: list[int], alike: set[tuple[int, int]], size: int) -> None:
    """As the job does it: what repeated one that no longer stands is looked at again."""
    rows = [meant(n) for n in range(8)]
    edges = {frozenset(pair) for pair in alike if pair[0] != pair[1]}
    expected: set[int] = set()
    for n in range(8):
        if not any(frozenset((n, older)) in edges for older in expected):
            expected.add(n)
    standing: set[int] = set()
    repeats: dict[int, int] = {}
    waiting = [list(order[start : start + size]) for start in range(0, 8, size)]
    while waiting:
        batch = waiting.pop(0)
        standing |= set(batch)
        near = {n: [(rows[m], 0.9) for m in sorted(standing) if frozenset((n, m)) in edges] for n in batch}
        for same in settle([rows[n] for n in batch], near):
            repeats[same.younger.seq] = same.older.seq
            standing.discard(same.younger.seq)
        released = [n for n, older in repeats.items() if older not in standing]
        for n in released:
            del repeats[n]
        if released:
            waiting.append(released)
    assert standing == expected


def test_a_new_cluster_joins_that_of_the_nearest_compared_before_it_once() -> None:
    rows = [Meant(n, one.row, one.known_at, founds=n != 3) for n, one in enumerate(map(meant, range(5)))]
    near = {
        0: [(rows[1], 0.99)],
        1: [(rows[0], 0.99), (rows[4], 0.999)],
        2: [(rows[0], 0.96), (rows[1], 0.97)],
        3: [(rows[0], 0.98)],
    }
    assert joining(rows, near, []) == {"d1": "d0", "d2": "d0"}, (
        "what was seen before, as 3, stays; none joins a later one"
    )


def test_one_that_falls_joins_the_cluster_of_what_stands_for_it() -> None:
    a, b, c = (Meant(n, one.row, one.known_at, founds=True) for n, one in enumerate(map(meant, range(3))))
    near = {2: [(a, 0.96), (b, 0.99)]}
    assert joining([c], near, []) == {"d2": "d1"}
    assert joining([c], near, [Same(c, a, 0.96)]) == {"d2": "d0"}


def test_a_long_text_is_embedded_in_pieces_over_its_whole_length() -> None:
    assert pieces("") == [""] and pieces("short") == ["short"]
    assert pieces("a" * 1000 + "b") == ["a" * 1000, "b"]
    cut = pieces("".join(chr(97 + n) * 1000 for n in range(20)))
    assert len(cut) == 8 and cut[0] == "a" * 1000 and cut[-1] == "t" * 1000


def test_pieces_are_joined_text_by_text() -> None:
    vectors = np.array([[1, 0], [0, 1], [0, 1], [1, 0]], dtype=np.float32)
    assert joined(vectors, [1, 2, 1]) == pytest.approx(np.array([[1, 0], [0, 1], [1, 0]]))
    assert joined(vectors, [2, 2]) == pytest.approx(np.full((2, 2), 0.5**0.5), abs=1e-6)
