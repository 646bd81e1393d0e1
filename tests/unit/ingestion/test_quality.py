"""A workspace's own rules: figures of the Gopher and C4 filters, typed fields, patterns."""

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.events import Reason
from millrace.ingestion.domain.measures import FIGURES, Measured
from millrace.ingestion.domain.quality import of_metadata, of_text, of_values
from millrace.workspace import MEASURES, Quality

PROSE = """The lighthouse at the end of the pier was built before the war, and it has guided boats home ever since.
Visitors who climb its narrow stairs are told that the keeper once rowed out in a storm to save nine sailors.
His daughter, with whom he lived, wrote down what the men said that night in a small blue notebook.
Today that notebook lies under glass in the town hall, open at a page nobody has been able to read."""


def rules(**declared: Any) -> Quality:
    return Quality.model_validate(declared)


def codes(reasons: Any) -> list[str]:
    return [reason.code for reason in reasons]


def test_each_measure_that_may_be_declared_is_measured() -> None:
    assert FIGURES.keys() == MEASURES.keys()


def test_prose_passes_both_published_filters() -> None:
    assert list(of_text(PROSE, rules(presets=["gopher", "c4"]))) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("The boats that have to be out.", "words"),
        (PROSE + " incomprehensibilities" * 90, "mean_word_length"),
        (PROSE.replace(" the", " #the").replace(" that", " #that"), "hash_ratio"),
        (PROSE.replace(" the", "... the").replace(" a", "... a"), "ellipsis_ratio"),
        ("\n".join("- " + line for line in PROSE.split("\n")), "bullet_lines"),
        (PROSE.replace(".", "..."), "ellipsis_lines"),
        (PROSE + " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24", "alphabetic_words"),
        (" ".join(f"{name} mountain river" for name in map(str, range(20))), "stop_words"),
        ("\n".join([PROSE, *PROSE.split("\n")[:3]]), "duplicate_lines"),
        ("\n\n".join([PROSE, PROSE]), "duplicate_paragraphs"),
        ("\n".join([PROSE, PROSE]), "duplicate_line_characters"),
        ("\n\n".join([PROSE, PROSE]), "duplicate_paragraph_characters"),
        (PROSE + " very good" * 16, "top_2gram"),
        (PROSE + " very good boat" * 12, "top_3gram"),
        (PROSE + " very good boat and" * 10, "top_4gram"),
        *((f"{PROSE}\n{PROSE} End.", f"duplicate_{n}grams") for n in range(5, 11)),
        ("Home. About us. Terms of use", "sentences"),
        (PROSE + " function() { return 1 }", "curly_brackets"),
        (PROSE + " Lorem Ipsum dolor.", "lorem_ipsum"),
    ],
)
def test_what_a_published_filter_refuses_is_refused_with_the_figure(text: str, code: str) -> None:
    found = {reason.code: reason for reason in of_text(text, rules(presets=["gopher", "c4"]))}
    assert code in found
    assert MEASURES[code].means in found[code].expected
    assert code not in codes(of_text(text, rules(presets=["gopher", "c4"], limits={code: None})))


@pytest.mark.parametrize(
    ("text", "figure", "value"),
    [
        ("a b a b c", "top_2gram", 4 / 5),
        ("one two three", "top_2gram", 0.0),
        ("a b c d e x a b c d e", "duplicate_5grams", 5 / 11),
        ("a a a a a a a", "duplicate_5grams", 6 / 7),
        ("x\nx\nyy", "duplicate_lines", 1 / 3),
        ("x\nx\nyy", "duplicate_line_characters", 1 / 4),
        ("x\n\nx\n\ny", "duplicate_paragraphs", 1 / 3),
        (
            "We use cookies on this site here.\nThis is a whole sentence. So is this one!\nno end here at all",
            "sentences",
            2,
        ),
        (
            "A title\nThis line ends.\nThis one not...\nnor does this\nBut \u201cthis does.\u201d",
            "unterminated_lines",
            3 / 5,
        ),
        ("one two three four\none two three four five", "short_lines", 1 / 2),
        ("Please enable JavaScript.\nThe boats came home.\nThe keeper too.", "javascript_lines", 1 / 3),
        ("Privacy Policy\nWe use cookies.\nThe boats came home.\nThe keeper too.", "policy_lines", 1 / 2),
        ("It was built[3] before[citation needed] the war[edit] and [x] after.", "citation_ratio", 3 / 10),
        ("", "mean_word_length", 0.0),
        ("to have, TO hold", "stop_words", 2),
    ],
)
def test_a_figure_is_what_its_source_says(text: str, figure: str, value: float) -> None:
    assert FIGURES[figure](Measured(text)) == pytest.approx(value)


def test_short_texts_are_refused_by_no_default() -> None:
    assert list(of_text("late", Quality())) == []
    assert list(of_text("Where is it?", Quality())) == []


def test_own_limits_take_the_place_of_a_presets() -> None:
    assert "words" not in codes(
        of_text("The boats that have to be out.", rules(presets=["gopher"], limits={"words": {"min": 3}}))
    )
    (reason,) = of_text("My parcel is late", rules(limits={"words": {"min": 5, "max": 9}}))
    assert reason == Reason(code="words", field="text", expected="5 to 9 words, not 4")


def test_a_reason_never_says_what_the_text_says() -> None:
    quality = rules(deny=["(?i)secret"], require=["order [0-9]+"], metadata={"phone": {"type": "integer"}})
    reasons = [*of_text("A Secret of Joe", quality), *of_metadata({"phone": "Joe"}, quality)]
    assert codes(reasons) == ["denied", "not_matched", "field"]
    assert "Joe" not in repr(reasons)


@pytest.mark.parametrize(
    ("typed", "taken", "refused"),
    [
        ({"type": "integer"}, ["7", "-3", "7.0"], ["7.5", "x", "1_000", "nan", "٣", "1e999"]),
        ({"type": "number", "min": 0, "max": 5}, ["0", "4.9", "5", "1e0"], ["5.1", "-1", "inf", "five"]),
        ({"min": 2}, ["2", "3"], ["1", "x"]),
        ({"type": "boolean"}, ["true", "False"], ["yes", "1"]),
        ({"type": "date"}, ["2026-01-31"], ["2026-02-30", "31.1.2026"]),
        ({"type": "time"}, ["2026-01-31T09:30:00+00:00", "2026-01-31T09:30:00Z"], ["half past nine"]),
        ({"one_of": ["mail", "chat"]}, ["mail"], ["Mail", "post"]),
        ({"pattern": "[0-9]{5}"}, ["10115"], ["1011", "101155", "x10115"]),
        ({"required": True}, ["x"], ["", None]),
        ({"type": "integer", "required": True}, ["1"], ["", None, "x"]),
        ({"type": "text"}, ["", None, "anything"], []),
    ],
)
def test_a_declared_field_has_its_type(typed: dict[str, Any], taken: list[str], refused: list[str]) -> None:
    quality = rules(metadata={"field": typed})
    for value, fits in [*((value, True) for value in taken), *((value, False) for value in refused)]:
        found = list(of_metadata({} if value is None else {"field": value}, quality))
        assert (found == []) is fits, (typed, value)
        assert {reason.field for reason in found} <= {"metadata.field"}


BLOCKED = ("damn", "son of a gun", "Ñoño", "\u30af\u30bd", "\u0915\u0941\u0924\u094d\u0924\u093e")


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("Where is the damn parcel? DAMN it!", 2),
        ("That Son of a\n gun, and his sons", 1),
        ("A goddamn dam, undamned", 0),
        ("a son of the gun", 0),
        ("el \u00f1on\u0303o", 1),
        ("\uff44\uff41\uff4d\uff4e", 1),
        ("\u3053\u306e\u30af\u30bd\u8377\u7269", 1),
        ("\u0935\u0939 \u0915\u0941\u0924\u094d\u0924\u093e \u0939\u0948", 1),
        ("\u0935\u0939 \u0915\u0924\u0930\u093e \u0939\u0948", 0),
        ("", 0),
    ],
)
def test_a_blocked_word_is_found_whole_whatever_its_spelling(text: str, times: int) -> None:
    reasons = list(of_text(text, rules(blocked_words=BLOCKED)))
    expected = f"none of the 5 blocked words, not {times}"
    assert reasons == ([Reason(code="blocked_words", field="text", expected=expected)] if times else [])


def test_c4_is_whole_with_a_teams_list_and_its_lines_are_judged_where_asked() -> None:
    page = PROSE + "\nThe keeper's damn boat is still there, and Javascript must be enabled to see it."
    assert list(of_text(page, rules(presets=["c4"]))) == []
    declared = rules(presets=["c4"], blocked_words=["damn"], limits={"javascript_lines": {"max": 0}})
    assert codes(of_text(page, declared)) == ["javascript_lines", "blocked_words"]


def test_values_of_observations_have_ranges() -> None:
    quality = rules(values={"load": {"required": True, "min": 0, "max": 100}, "state": {"one_of": ["on", "off"]}})
    assert list(of_values({"load": 3.5, "state": "on", "else": 7.0}, quality)) == []
    assert codes(of_values({"load": 100.5}, quality)) == ["field"]
    assert codes(of_values({"state": "broken"}, quality)) == ["field", "field"]
    assert codes(of_values({"load": "much"}, quality)) == ["field"]


@settings(deadline=None, derandomize=True, max_examples=100)
@given(st.text("a .\n\u2026#-{}", max_size=200))
def test_every_figure_is_finite_whatever_the_text(text: str) -> None:
    for name, figure in FIGURES.items():
        assert 0 <= figure(Measured(text)) <= max(1, len(text)), name


@pytest.mark.parametrize("scrap", ["a ", "a\n", "a\n\n", "...", "{", "lorem ipsum ", "x y z ", ". ", "aaaa"])
def test_time_grows_with_the_text_and_no_faster(scrap: str) -> None:
    patterns = {"deny": ["(a+)+$", "(a|a)*b"], "require": ["(x+x+)+y"], "blocked_words": ["a a a a a a a b", "\u5b57"]}
    every = {name: {"max": 0} for name in MEASURES}
    quality = rules(presets=["gopher", "c4"], limits=every, **patterns)

    def seconds(times: int) -> float:
        began = time.process_time()
        list(of_text(scrap * times, quality))
        return time.process_time() - began

    seconds(100)
    assert seconds(16_000) < 40 * max(seconds(2_000), 0.001)
