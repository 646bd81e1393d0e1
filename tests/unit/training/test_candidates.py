"""Which candidates are trained, and which is picked."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from millrace.training.domain import Candidate, Run, candidates, pick

CYCLE = UUID(int=5)


def run(number: int, score: float | None, *, se: float = 0.02, bytes: int = 10, untrusted: bool = True) -> Run:
    candidate = Candidate(UUID(int=number), f"method-{number}", "minilm", untrusted)
    if score is None:
        return Run(candidate, "failed", failed="too few rows")
    return Run(candidate, "trained", {"macro_f1": score, "macro_f1_se": se}, bytes, seconds=float(number))


def test_every_method_on_every_base_and_again_without_untrusted_rows():
    plain = candidates(CYCLE, bases=["minilm"], methods=["linear-probe", "full"], most=6, untrusted=False)
    assert [(c.method, c.untrusted) for c in plain] == [("linear-probe", True), ("full", True)]
    both = candidates(CYCLE, bases=["minilm"], methods=["linear-probe", "full"], most=6, untrusted=True)
    assert [(c.method, c.untrusted) for c in both] == [
        ("linear-probe", True),
        ("full", True),
        ("linear-probe", False),
        ("full", False),
    ]
    assert both[:2] == plain


def test_no_more_candidates_than_trials():
    assert len(candidates(CYCLE, bases=["a", "b"], methods=["x", "y"], most=3, untrusted=True)) == 3


def test_the_cheapest_within_one_standard_error_is_picked():
    small, large, poor = run(1, 0.92, bytes=5), run(2, 0.93, bytes=90), run(3, 0.80, bytes=1)
    chosen = pick([large, small, poor], "macro_f1")
    assert chosen and chosen.run is small
    assert "dearer" in chosen.why_not[UUID(int=2)] and "below the best" in chosen.why_not[UUID(int=3)]


def test_a_clear_winner_is_worth_its_price():
    chosen = pick([run(1, 0.85, bytes=5), run(2, 0.93, bytes=90)], "macro_f1")
    assert chosen and chosen.run.candidate.run_id == UUID(int=2)


def test_where_untrusted_rows_gain_nothing_they_are_left_out():
    chosen = pick([run(1, 0.93), run(2, 0.925, untrusted=False)], "macro_f1")
    assert chosen and not chosen.run.candidate.untrusted


def test_failed_runs_keep_their_reason_and_none_is_picked_where_all_failed():
    chosen = pick([run(1, None), run(2, 0.9)], "macro_f1")
    assert chosen and chosen.why_not == {UUID(int=1): "too few rows"}
    assert pick([run(1, None)], "macro_f1") is None


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 0.1), st.integers(1, 100)), min_size=1, max_size=8))
def test_the_pick_is_never_more_than_one_standard_error_below_the_best(rows):
    runs = [run(n, score, se=se, bytes=size) for n, (score, se, size) in enumerate(rows)]
    chosen = pick(runs, "macro_f1")
    best = max(runs, key=lambda r: r.scores["macro_f1"])
    assert chosen and chosen.run.scores["macro_f1"] >= best.scores["macro_f1"] - best.scores["macro_f1_se"]
    assert len(chosen.why_not) == len(runs) - 1
