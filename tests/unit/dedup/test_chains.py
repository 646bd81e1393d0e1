"""Who stands for a document when those in between are gone."""

from millrace.dedup.domain import resolved


def test_what_repeated_one_that_stood_waits_for_a_decision() -> None:
    assert resolved("a", {"a": None}) == ("a", None)


def test_one_in_between_hands_on_what_it_repeated() -> None:
    assert resolved("w", {"w": "z"}) == ("w", "z")
    assert resolved("w", {"w": "z", "z": "y"}) == ("z", "y")
    assert resolved("w", {"w": "z", "z": None}) == ("z", None)


def test_a_ring_ends() -> None:
    assert resolved("a", {"a": "b", "b": "a"}) == ("b", None)
