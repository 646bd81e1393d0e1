"""Answers in words: measured by ratios over rows, and compared with production's row by row."""

import numpy as np
import pytest

from millrace.evaluation.domain.answers import Answers, wins
from millrace.evaluation.domain.figures import estimate, measure
from millrace.evaluation.domain.gate import Evidence, judge_gate
from millrace.workspace import load
from millrace.workspace.conditions import Condition


def answered(similar: list[float], lost: list[float] | None = None, tokens: list[float] | None = None) -> Answers:
    names = [str(number) for number in range(len(similar))]
    ones = np.ones(len(similar))
    told = {
        "nll": (np.array(lost or ones), np.array(tokens or ones)),
        "similarity": (np.array(similar), ones),
        "exact": (np.array(similar) >= 1, ones),
    }
    nothing = [""] * len(similar)
    return Answers.of(names, names, nothing, nothing, words=told)


def test_a_token_weighs_the_same_in_a_long_answer_and_in_a_short_one() -> None:
    assert estimate(answered([0.5, 1.0], lost=[1.0, 9.0], tokens=[1.0, 3.0])) == {
        "nll": 2.5, "similarity": 0.75, "exact": 0.5
    }  # fmt: skip


def test_every_figure_lies_within_its_interval_and_losses_may_be_above_one() -> None:
    random = np.random.default_rng(3)
    told = answered(random.random(200).tolist(), lost=(3 + random.random(200)).tolist())
    figures = measure({("candidate", "fresh"): told}, seed=1)
    assert {name for _, _, name in figures} == {"nll", "similarity", "exact"}
    for figure in figures.values():
        assert figure.interval.low <= figure.value <= figure.interval.high
    assert figures["candidate", "fresh", "nll"].interval.low > 3


def test_a_row_is_won_by_the_answer_that_is_more_like_the_true_one_and_half_of_it_where_neither_is() -> None:
    ours, theirs = answered([0.9, 0.5, 0.5, 0.1]), answered([0.5, 0.5, 0.5, 0.9])
    assert wins(ours, theirs).words["win_rate"][0].tolist() == [1.0, 0.5, 0.5, 0.0]
    one, other = (estimate(wins(*pair))["win_rate"] for pair in ((ours, theirs), (theirs, ours)))
    assert one + other == 1.0  # whichever is asked first


def test_rows_that_production_did_not_answer_are_won_by_nobody() -> None:
    ours, theirs = answered([0.9, 0.5, 0.5]), answered([0.1, 0.1, 0.1])
    assert len(wins(ours, theirs.only(np.array([True, False, True])))) == 2


@pytest.mark.parametrize(("share", "verdict"), [(0.8, "pass"), (0.2, "fail"), (0.5, "inconclusive")])
def test_a_share_of_rows_won_is_proven_or_not(share: float, verdict: str) -> None:
    random = np.random.default_rng(5)
    won = random.random(300) < share
    ours, theirs = answered(np.where(won, 0.9, 0.1).tolist()), answered([0.5] * 300)
    answers = {("candidate", "fresh"): wins(ours, theirs), ("production", "fresh"): theirs}
    judged = judge_gate([Condition.parse("fresh.win_rate > 0.5")], Evidence(answers, paired=("win_rate",)))
    assert judged.verdict == verdict


def test_without_production_nothing_is_to_be_won() -> None:
    evidence = Evidence({("candidate", "fresh"): answered([0.5] * 30)}, production=False, paired=("win_rate",))
    (result,) = judge_gate([Condition.parse("fresh.win_rate > 0.5")], evidence).conditions
    assert (result.verdict, result.note) == ("pass", "holds: nothing in production yet")
    beside = Evidence({("candidate", "fresh"): answered([0.5] * 30)}, paired=("win_rate",))
    assert judge_gate([Condition.parse("fresh.win_rate > 0.5")], beside).verdict == "inconclusive"


def test_a_workspace_may_ask_for_rows_won_and_only_against_a_number() -> None:
    file = "workspace: replies\nowner: me\ntask: generate\ngate: [{}]\n"
    assert load(file.format('"golden.win_rate >= 0.5"')).gate
    with pytest.raises(Exception, match="win_rate against a number, not production"):
        load(file.format('"golden.win_rate > production"'))
