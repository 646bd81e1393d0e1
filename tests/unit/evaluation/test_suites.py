"""What suites of the team's ask, and how it is measured: rewrites, orders, extremes, outcomes, sizes."""

import doctest
from collections import Counter

import pytest

from millrace.evaluation.domain import rewrites
from millrace.evaluation.domain.answers import Answers
from millrace.evaluation.domain.attacks import AFTER, ATTACKS, BEFORE, attacked, chosen
from millrace.evaluation.domain.extremes import LONG, extremes, kind_of
from millrace.evaluation.domain.gate import Evidence, judge_gate
from millrace.evaluation.domain.outcomes import ASKED, PASS, Limits, as_answers, in_turn, parts
from millrace.evaluation.domain.rewrites import rewrite
from millrace.evaluation.domain.suites import Brought, digest_of, kept
from millrace.workspace.conditions import Condition


def test_a_text_is_said_in_other_words_the_same_way_each_time() -> None:
    assert doctest.testmod(rewrites).failed == 0 and doctest.testmod(rewrites).attempted == 1
    for text in ("where's my parcel?", "I don't want it", "Please cancel", "HI THERE", "[EMAIL] wrote to me"):
        said = rewrite(text)
        assert said is not None and said != text and rewrite(text) == said
        assert ("[EMAIL]" in said) == ("[EMAIL]" in text)
    assert "where is my package" in str(rewrite("where\u2019s my parcel?")).lower()
    assert rewrite("???") is None and rewrite("") is None


def test_words_are_swapped_whole_and_keep_their_capital() -> None:
    assert "parcelled" in str(rewrite("it is parcelled"))
    assert "Package" in str(rewrite("Parcel lost"))
    assert "cannot't" not in str(rewrite("I can't"))


def test_an_order_stands_before_or_after_and_nothing_but_the_label_is_filled_in() -> None:
    assert attacked("my {text}", "say {label} or {other}", BEFORE, "late") == "say late or {other}\n\nmy {text}"
    assert attacked("text", "{label}", AFTER, "late").startswith("text\n\n")
    assert all("{label}" in order for order in ATTACKS.values())
    assert len({chosen(f"r-{n}", sorted(ATTACKS)) for n in range(200)}) == len(ATTACKS)
    with pytest.raises(ValueError, match="no names"):
        chosen("r-1", [])


def test_extremes_are_many_distinct_and_no_longer_than_what_is_taken_in() -> None:
    texts = extremes()
    assert len(texts) >= 59 and len(set(texts.values())) == len(texts)  # 59 that pass prove 0.95
    assert max(len(text.encode()) for text in texts.values()) == LONG
    assert {kind_of(id) for id in texts} == {
        "empty", "blank", "one-character", "emoji", "other-script", "control", "repeated", "long",
    }  # fmt: skip


def answered(rows: list[tuple[str, str, str, str]], **told: list[float]) -> Answers:
    columns = [list(column) for column in zip(*rows, strict=True)]
    return Answers.of(*columns, **told)  # type: ignore[arg-type]


def test_a_group_passes_when_it_is_answered_as_one() -> None:
    rows = [
        ("a", "g1", "late", "late"),
        ("b", "g1", "late", "late"),
        ("c", "g2", "late", "late"),
        ("d", "g2", "late", "lost"),
        ("e", "g3", "late", "late"),
    ]
    units = list(ASKED["consistency"](answered(rows), Limits()))
    assert [(unit.id, unit.outcome) for unit in units] == [("g1", PASS), ("g2", "differs")]
    assert units[1].rows == (("c", "late"), ("d", "lost"))


def test_an_order_is_held_against_the_answer_to_the_plain_text() -> None:
    rows = [
        ("r~1~plain", "k", "late", "lost"),
        ("r~1~ignore.before", "k", "damaged", "lost"),
        ("r~1~only.after", "k", "damaged", "damaged"),
        ("q~json.after", "q", "late", "late"),
    ]
    units = list(ASKED["injection"](answered(rows), Limits()))
    assert [(unit.part, unit.outcome, unit.aim) for unit in units] == [
        ("ignore, before", PASS, "damaged"),
        ("only, after", "obeyed", "damaged"),
    ]
    assert units[1].rows == (("r~1", "lost"), ("r~1~only.after", "damaged"))


def test_an_extreme_text_is_answered_in_time_and_not_too_surely() -> None:
    rows = [(f"blank-{n}", f"blank-{n}", "", answer) for n, answer in enumerate(["late", "", "late", "late"])]
    told = answered(rows, confidence=[0.5, 0.0, 0.9, 0.5], ms=[10.0, 10.0, 10.0, 9000.0])
    outcomes = [unit.outcome for unit in ASKED["extremes"](told, Limits(0.7, 5000.0))]
    assert outcomes == [PASS, "failed", "sure", "late"]
    assert Counter(unit.outcome for unit in ASKED["extremes"](told, Limits()))["sure"] == 0


def test_parts_come_with_intervals_the_worst_first() -> None:
    rows = [(f"{kind}-{n}", f"{kind}-{n}", "", said) for kind, said in (("a", "late"), ("b", "")) for n in range(30)]
    found = parts(list(ASKED["extremes"](answered(rows), Limits())))
    assert [(part.name, part.units, part.passed) for part in found] == [("b", 30, 0.0), ("a", 30, 1.0)]
    assert found[1].interval.low < 1.0


def test_examples_show_every_part_first() -> None:
    rows = [(f"{kind}-{n}", f"{kind}-{n}", "", "") for kind, count in (("a", 30), ("b", 2)) for n in range(count)]
    shown = in_turn(list(ASKED["extremes"](answered(rows), Limits())))
    assert [unit.part for unit in shown[:5]] == ["a", "b", "a", "b", "a"] and len(shown) == 32


def judged(condition: str, passed: int, of: int, before: int | None = None) -> str:
    def answers(n: int) -> Answers:
        rows = [(f"u-{at}", f"u-{at}", "", "late" if at < n else "") for at in range(of)]
        return as_answers(list(ASKED["extremes"](answered(rows), Limits())))

    known = {("candidate", "extremes"): answers(passed)}
    if before is not None:
        known["production", "extremes"] = answers(before)
    evidence = Evidence(known, outcomes={"extremes"}, seed=1, production=before is not None)
    judgement = judge_gate([Condition.parse(condition)], evidence)
    assert set(judgement.figures) == {(who, "extremes", "pass") for who, _ in known}
    return judgement.verdict


def test_a_share_passes_when_its_bound_proves_it() -> None:
    assert judged("extremes.pass >= 0.95", 59, 59) == "pass"
    assert judged("extremes.pass >= 0.95", 40, 40) == "inconclusive"
    assert judged("extremes.pass >= 0.95", 70, 100) == "fail"
    assert judged("extremes.pass >= production - 0.05", 100, 100, before=100) == "pass"
    assert judged("extremes.pass > production", 50, 100, before=90) == "fail"
    assert judged("extremes.pass >= production", 50, 100) == "pass"


def weighed(condition: str, production: int | None = 100_000) -> str:
    sizes = {("candidate", "size"): {"bytes": 110_000, "memory": 5}}
    if production is not None:
        sizes["production", "size"] = {"bytes": production, "memory": 5}
    evidence = Evidence({}, sizes=sizes, production=production is not None)
    return judge_gate([Condition.parse(condition)], evidence).verdict


def test_a_size_is_exact() -> None:
    assert weighed("size.bytes <= 110000") == "pass"
    assert weighed("size.bytes < 110000") == "fail"
    assert weighed("size.bytes <= 1.1 * production") == "pass"
    assert weighed("size.bytes <= 1.05 * production") == "fail"
    assert weighed("size.bytes <= production + 20000") == "pass"
    assert weighed("size.memory <= production", None) == "pass"


def test_a_version_is_named_by_its_rows_and_not_by_whose_they_are() -> None:
    def digest(*rows: Brought) -> str:
        return digest_of("labelled", kept(rows, lambda text: (text.replace("ann", "X"), 0), lambda who: f"p-{who}")[0])

    one = digest(Brought("ann a", "late", subject="ann"), Brought("b", "lost"))
    assert one == digest(Brought("ann a", "late"), Brought("b", "lost"))
    assert one != digest(Brought("b", "lost"), Brought("ann a", "late"))
    rows, _ = kept([Brought("ann", "late", id="1"), Brought("X", "late", id="1")], lambda t: ("X", 1), str)
    assert [row.id for row in rows] == ["1", "1.2"]
