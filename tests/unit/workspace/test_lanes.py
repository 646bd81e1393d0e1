"""The lane of an id never changes."""

from collections import Counter

import pytest

from millrace.workspace import lane_key, stable_lane


def test_lanes_are_the_same_in_every_release() -> None:
    assert [stable_lane(f"request-{n}", 8) for n in range(6)] == [7, 4, 0, 5, 7, 6]


def test_one_lane_takes_all() -> None:
    assert {stable_lane(str(n), 1) for n in range(50)} == {0}


def test_ids_spread_evenly() -> None:
    counts = Counter(stable_lane(str(n), 8) for n in range(8000))
    assert max(counts.values()) < 1.15 * min(counts.values())


def test_any_text_has_a_lane() -> None:
    assert lane_key("parcel", "\ud800 é", 3).startswith("parcel/")


def test_no_lanes_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        stable_lane("a", 0)
