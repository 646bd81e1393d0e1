"""Rankings become one, by places alone."""

from hypothesis import given
from hypothesis import strategies as st

from millrace.serving.domain import Key, configuration, fused

A, B, C, D = (Key(number, 0) for number in range(4))
KEYS = st.builds(Key, st.integers(0, 20), st.integers(0, 3))


def test_what_two_rankings_have_comes_before_what_one_puts_first() -> None:
    best = fused({"vector": [A, B, C], "text": [D, B]})
    assert [one.key for one in best] == [B, A, D, C]
    assert best[0].score == 1 / 62 + 1 / 62
    assert best[0].places == {"vector": 2, "text": 2}
    assert best[1].places == {"vector": 1}


def test_one_ranking_stays_as_it_is() -> None:
    assert [one.key for one in fused({"text": [C, A, B], "vector": []})] == [C, A, B]
    assert fused({}) == []


@given(st.lists(KEYS, unique=True, max_size=30), st.lists(KEYS, unique=True, max_size=30))
def test_nothing_is_lost_and_nothing_comes_twice(one: list[Key], other: list[Key]) -> None:
    found = fused({"vector": one, "text": other})
    assert sorted(each.key for each in found) == sorted({*one, *other})
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


def test_a_language_that_postgres_does_not_read_is_taken_word_by_word() -> None:
    assert [configuration(language) for language in ("de", "zh", None)] == ["german", "simple", "simple"]
