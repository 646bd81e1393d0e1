import numpy as np
import pytest

from millrace.evaluation.domain.answers import Answers
from millrace.evaluation.domain.figures import estimate
from millrace.evaluation.domain.gate import Evidence, judge_gate
from millrace.workspace import load
from millrace.workspace.conditions import Condition


def versions(
    seed: int, *, rows: int, accuracy: float, differing: float, loss: float = 0.0, classes: int = 10
) -> tuple[Answers, Answers]:
    """(candidate, production): both right, each alone right, or both wrong; the candidate is worse by `loss`."""
    random = np.random.default_rng(seed)
    place = random.random(rows)
    alone, both = (differing + loss) / 2, accuracy - (differing + loss) / 2
    production = place < both + alone
    candidate = (place < both) | ((place >= both + alone) & (place < both + differing))
    truth = np.array([f"c{number % classes}" for number in range(rows)])
    wrong = np.array([f"c{(number + 1 + step) % classes}" for number, step in enumerate(random.integers(0, 8, rows))])
    names = [str(number) for number in range(rows)]
    return tuple(Answers.of(names, names, truth, np.where(right, truth, wrong)) for right in (candidate, production))  # type: ignore[return-value]


def verdict(condition: str, evidence: Evidence) -> str:
    return judge_gate([Condition.parse(condition)], evidence).conditions[0].verdict


def against_production(suite: str, candidate: Answers, production: Answers, **more: int) -> Evidence:
    return Evidence({("candidate", suite): candidate, ("production", suite): production}, **more)


def test_a_clear_gain_passes_and_a_clear_loss_fails() -> None:
    worse, better = versions(1, rows=400, accuracy=0.9, differing=0.3, loss=0.25)
    assert verdict("fresh.macro_f1 > production", against_production("fresh", better, worse)) == "pass"
    assert verdict("fresh.macro_f1 > production", against_production("fresh", worse, better)) == "fail"
    assert verdict("fresh.accuracy >= production - 0.05", against_production("fresh", worse, better)) == "fail"


def test_the_same_answers_pass_a_margin_and_never_a_strict_gain() -> None:
    same, _ = versions(1, rows=200, accuracy=0.9, differing=0.0)
    assert verdict("fresh.macro_f1 >= production - 0.02", against_production("fresh", same, same)) == "pass"
    assert verdict("fresh.macro_f1 > production", against_production("fresh", same, same)) == "inconclusive"


def test_too_few_rows_are_inconclusive_however_good_they_look() -> None:
    worse, better = versions(1, rows=19, accuracy=0.9, differing=0.9, loss=0.9)
    result = judge_gate([Condition.parse("fresh.macro_f1 > production")], against_production("fresh", better, worse))
    assert result.verdict == "inconclusive"
    assert "too few rows" in result.conditions[0].note
    same, _ = versions(1, rows=100, accuracy=0.9, differing=0.0)
    assert verdict("fresh.macro_f1 >= production - 0.02", against_production("fresh", same, same)) == "inconclusive"


def test_without_production_its_conditions_hold_and_say_so() -> None:
    candidate, _ = versions(1, rows=600, accuracy=0.95, differing=0.0)
    evidence = Evidence({("candidate", "golden"): candidate, ("candidate", "fresh"): candidate}, production=False)
    conditions = ["fresh.macro_f1 > production", "golden.macro_f1 >= best - 0.03", "golden.macro_f1 >= 0.8"]
    judged = judge_gate([Condition.parse(text) for text in conditions], evidence)
    assert judged.verdict == "pass"
    assert [bool(result.note) for result in judged.conditions] == [True, True, False]


def test_the_gate_of_five_lines_asks_for_no_golden_rows_but_a_declared_one_does() -> None:
    file = "workspace: parcels\nowner: team\ntask: classify\nlabels: {names: [late, lost]}\n"
    candidate, production = versions(1, rows=400, accuracy=0.9, differing=0.3, loss=-0.25)
    first = Evidence({("candidate", "fresh"): candidate}, production=False)
    assert judge_gate(load(file).gate, first).verdict == "pass"
    assert judge_gate(load(file).gate, Evidence({}, production=False)).verdict == "pass", "not even fresh ones"
    better, worse = (
        against_production("fresh", candidate, production),
        against_production("fresh", production, candidate),
    )
    assert [judge_gate(load(file).gate, evidence).verdict for evidence in (better, worse)] == ["pass", "fail"]
    for declared in ("typos.macro_f1 >= 0.9 * golden.macro_f1", "golden.macro_f1 >= 0.5"):
        judged = judge_gate(load(file + f"gate: ['{declared}']").gate, first)
        assert (judged.verdict, judged.conditions[0].note) == ("inconclusive", f"no rows in {declared.split('.')[0]}")


def test_a_suite_without_rows_is_inconclusive() -> None:
    candidate, production = versions(1, rows=200, accuracy=0.9, differing=0.1)
    evidence = against_production("fresh", candidate, production)
    assert verdict("golden.macro_f1 >= 0.5", evidence) == "inconclusive"
    assert verdict("fresh.macro_f1 >= golden.macro_f1", evidence) == "inconclusive"


def test_one_broken_condition_fails_the_gate() -> None:
    worse, better = versions(1, rows=400, accuracy=0.9, differing=0.3, loss=0.25)
    conditions = [Condition.parse(text) for text in ("fresh.macro_f1 > production", "fresh.accuracy >= 0.999")]
    assert judge_gate(conditions, against_production("fresh", better, worse)).verdict == "fail"


def test_typos_are_held_against_the_same_rows_of_golden() -> None:
    spoilt, golden = versions(1, rows=500, accuracy=0.95, differing=0.04, loss=0.04)
    ruined, _ = versions(1, rows=500, accuracy=0.95, differing=0.3, loss=0.3)
    condition = "typos.macro_f1 >= 0.9 * golden.macro_f1"
    assert verdict(condition, Evidence({("candidate", "golden"): golden, ("candidate", "typos"): spoilt})) == "pass"
    assert verdict(condition, Evidence({("candidate", "golden"): golden, ("candidate", "typos"): ruined})) == "fail"


def test_new_classes_count_for_a_gain_and_do_not_pay_for_old_ones() -> None:
    names = [str(number) for number in range(400)]
    truth = ["old-a", "old-b"] * 150 + ["new"] * 100
    production = Answers.of(names, names, truth, ["old-a", "old-b"] * 150 + ["old-a"] * 100)
    labels = {"candidate": ["old-a", "old-b", "new"], "production": ["old-a", "old-b"]}
    for old, expected in (
        (["old-a", "old-a"] * 40 + ["old-a", "old-b"] * 110, "fail"),
        (["old-a", "old-b"] * 150, "pass"),
    ):
        candidate = Answers.of(names, names, truth, [*old, *["new"] * 100])
        evidence = Evidence({("candidate", "fresh"): candidate, ("production", "fresh"): production}, labels=labels)
        assert verdict("fresh.macro_f1 > production", evidence) == "pass"
        assert verdict("fresh.macro_f1 >= production - 0.02", evidence) == expected


def test_the_best_is_compared_on_the_rows_that_it_answered() -> None:
    """A golden suite has grown by a class that the candidate answers badly, and the best never saw."""
    candidate, best = versions(1, rows=500, accuracy=0.93, differing=0.02)
    more = [f"n{number}" for number in range(150)]
    columns = [
        candidate.ids.tolist(),
        candidate.clusters.tolist(),
        candidate.truth.tolist(),
        candidate.prediction.tolist(),
    ]
    added = [more, more, ["new"] * 150, ["c1"] * 150]
    grown = Answers.of(*[[*old, *new] for old, new in zip(columns, added, strict=True)])
    score = {"golden.macro_f1": estimate(best)["macro_f1"]}
    alone = Evidence({("candidate", "golden"): grown}, best=score)
    paired = Evidence({("candidate", "golden"): grown, ("best", "golden"): best}, best=score)
    assert verdict("golden.macro_f1 >= best - 0.03", alone) == "fail"
    assert verdict("golden.macro_f1 >= best - 0.03", paired) == "pass"


def test_production_without_answers_is_no_reason_to_pass() -> None:
    candidate, _ = versions(1, rows=200, accuracy=0.95, differing=0.0)
    evidence = Evidence({("candidate", "fresh"): candidate})
    assert verdict("fresh.macro_f1 >= production - 0.02", evidence) == "inconclusive"
    assert verdict("golden.macro_f1 >= production", evidence) == "inconclusive"


def test_a_replay_gives_the_same_bounds() -> None:
    candidate, production = versions(1, rows=300, accuracy=0.9, differing=0.1)
    condition = [Condition.parse("fresh.macro_f1 >= production - 0.02")]
    results = [
        judge_gate(condition, against_production("fresh", candidate, production, seed=seed)).conditions
        for seed in (9, 9)
    ]
    assert results[0] == results[1]


@pytest.mark.parametrize(("rows", "least"), [(500, 0.8), (650, 0.85)])
def test_an_equal_candidate_mostly_keeps_golden_within_its_margin_of_the_best(rows: int, least: float) -> None:
    """Power at the sizes of the demo: answers differ in 6 of 100 rows, and neither version is better."""
    passed = []
    for seed in range(30):
        candidate, best = versions(seed, rows=rows, accuracy=0.93, differing=0.06)
        answers = {("candidate", "golden"): candidate, ("best", "golden"): best}
        score = {"golden.macro_f1": estimate(best)["macro_f1"]}
        evidence = Evidence(answers, best=score, seed=seed, samples=200)
        passed.append(verdict("golden.macro_f1 >= best - 0.03", evidence) == "pass")
    assert np.mean(passed) >= least - 0.1


def test_a_candidate_at_the_margin_rarely_passes() -> None:
    passed = []
    for seed in range(30):
        candidate, production = versions(seed, rows=500, accuracy=0.93, differing=0.06, loss=0.03)
        evidence = against_production("golden", candidate, production, seed=seed, samples=200)
        passed.append(verdict("golden.macro_f1 >= production - 0.03", evidence) == "pass")
    assert np.mean(passed) <= 0.15
