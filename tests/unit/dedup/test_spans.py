"""Where two texts say the same, as character offsets in both."""

import time

from hypothesis import given
from hypothesis import strategies as st

from millrace.dedup.domain import overlaps
from millrace.dedup.domain.spans import WORDS


def said(text: str, other: str) -> list[tuple[str, str]]:
    return [(text[s.start : s.end], other[s.other_start : s.other_end]) for s in overlaps(text, other)]


def test_runs_of_words_are_found_as_they_were_written_in_each() -> None:
    text = "My parcel  says delivered, but NOTHING has arrived at my door"
    other = "please: my parcel says delivered but nothing has arived at my door!"
    assert said(text, other) == [
        ("My parcel  says delivered", "my parcel says delivered"),
        ("but NOTHING has", "but nothing has"),
        ("at my door", "at my door"),
    ]


def test_a_script_without_spaces_and_wide_letters() -> None:
    assert said("荷物が届きません", "私の荷物が届きました") == [("荷物が届きま", "荷物が届きま")]
    assert said("ＡＢＣ １２", "abc 12") == [("ＡＢＣ １２", "abc 12")]


def test_nothing_in_common() -> None:
    assert said("where is it", "my box broke") == said("", "") == said("", "x") == []


@given(st.text(max_size=80), st.text(max_size=80))
def test_spans_rise_and_lie_within_both(text: str, other: str) -> None:
    at = at_other = 0
    for span in overlaps(text, other):
        assert at <= span.start < span.end <= len(text)
        assert at_other <= span.other_start < span.other_end <= len(other)
        at, at_other = span.end, span.other_end


def test_a_long_and_monotonous_text_ends() -> None:
    started = time.process_time()
    found = overlaps("ha " * 50_000, "ha " * 49_000 + "ho")
    assert found[0].end == 3 * WORDS - 1
    assert time.process_time() - started < 20
