"""The registry's state machine, move by move."""

from dataclasses import replace

import pytest
from registry_facts import (
    PLAN,
    evaluation_failed,
    model_evaluated,
    model_trained,
    rollout_judged,
    route_applied,
    standing,
    training_failed,
)

from millrace.registry.domain import (
    Asked,
    Noted,
    NothingToRollBack,
    NotPromotable,
    Registered,
    Routed,
    Staged,
    StaleRevision,
    Standing,
    Step,
    Turn,
    VersionNotFound,
    applied,
    evaluated,
    failed,
    inspected,
    judged,
    promote,
    roll_back,
    trained,
)
from millrace.registry.domain import (
    evaluation_failed as evaluation_has_failed,
)


def stages(turn: Turn) -> list[tuple[str | None, str]]:
    return [(d.version.id if d.version else None, d.stage) for d in turn.decisions if isinstance(d, Staged)]


def notes(turn: Turn) -> list[str]:
    return [d.what for d in turn.decisions if isinstance(d, Noted)]


def asked(state: Standing, run: str) -> Standing:
    state = trained(state, model_trained(run)).standing
    return inspected(state, f"w-{state.numbered}", None).standing


def passed(state: Standing, run: str, golden: float = 0.9) -> Turn:
    state = asked(state, run)
    version = state.version(f"w-{state.numbered}")
    assert version.asked is not None
    return evaluated(state, model_evaluated(version.id, version.asked, against=version.against, golden=golden))


def with_production(plan=PLAN, golden: float = 0.9) -> Standing:
    state = passed(standing(plan), "run-1", golden).standing
    return applied(state, route_applied(state.route.revision)).standing


def in_shadow() -> Standing:
    return passed(with_production(), "run-2").standing


def in_canary() -> Standing:
    state = in_shadow()
    return judged(state, rollout_judged("w-2", state.route.revision, "shadow")).standing


def step(state: Standing, verdict="promote") -> Turn:
    assert state.rollout and state.rollout.step
    return judged(state, rollout_judged(state.rollout.version, state.route.revision, state.rollout.step.stage, verdict))


def test_a_trained_model_is_registered_under_the_next_number_and_inspected_before_it_is_judged():
    turn = trained(standing(), model_trained("run-1"))
    (registered,) = turn.decisions
    assert isinstance(registered, Registered)
    assert (registered.version.id, registered.version.stage, registered.version.asked) == ("w-1", "registered", None)
    turn = inspected(turn.standing, "w-1", None)
    (question,) = turn.decisions
    assert isinstance(question, Asked)
    assert (question.version.asked, question.route.production, question.best) == (0, None, {})


def test_the_same_run_is_not_registered_twice():
    state = trained(standing(), model_trained("run-1")).standing
    again = trained(state, model_trained("run-1"))
    assert again.standing == state and notes(again) == ["repeated"]


def test_an_artifact_that_must_not_be_loaded_is_refused_and_can_never_be_promoted():
    state = trained(standing(), model_trained()).standing
    turn = inspected(state, "w-1", "weights.pkl runs code when loaded")
    assert stages(turn) == [("w-1", "refused")]
    with pytest.raises(NotPromotable):
        promote(turn.standing, "w-1", seen=0, by="ada")


def test_a_version_that_was_not_inspected_can_not_be_promoted():
    state = trained(standing(), model_trained()).standing
    with pytest.raises(NotPromotable, match="not inspected yet"):
        promote(state, "w-1", seen=0, by="ada")


def test_the_first_version_that_passes_goes_straight_to_production():
    turn = passed(standing(), "run-1")
    assert stages(turn) == [("w-1", "production")]
    assert turn.standing.production == "w-1" and turn.standing.route.revision == 1
    staged = [d for d in turn.decisions if isinstance(d, Staged)]
    assert staged[0].route == turn.standing.route


@pytest.mark.parametrize("verdict", ["fail", "inconclusive"])
def test_a_version_that_does_not_pass_is_rejected_with_the_conditions_it_missed(verdict):
    state = asked(standing(), "run-1")
    turn = evaluated(state, model_evaluated("w-1", 0, verdict))
    assert stages(turn) == [("w-1", "rejected")] and turn.standing.production is None
    (staged,) = [d for d in turn.decisions if isinstance(d, Staged)]
    assert f"golden.macro_f1 >= best - 0.03: {verdict}" in staged.reason


def test_a_version_that_could_not_be_judged_fails():
    turn = evaluation_has_failed(asked(standing(), "run-1"), evaluation_failed("w-1", 0))
    assert stages(turn) == [("w-1", "failed")]


def test_a_cycle_without_a_candidate_ends_as_failed_without_a_version():
    assert stages(failed(standing(), training_failed())) == [(None, "failed")]


def test_a_rollout_goes_through_shadow_and_each_share_to_production():
    turn = passed(with_production(), "run-2")
    assert stages(turn) == [("w-2", "shadow")]
    assert turn.standing.route.shadow and turn.standing.route.shadow.version == "w-2"
    shares = []
    state = turn.standing
    for _ in range(2):
        turn = step(state)
        state = turn.standing
        assert stages(turn) == [("w-2", "canary")] and state.route.shadow is None and state.route.canary
        shares.append(state.route.canary.share)
    turn = step(state)
    assert shares == [0.1, 0.5]
    assert stages(turn) == [("w-1", "superseded"), ("w-2", "production")]
    assert turn.standing.production == "w-2" and turn.standing.route.canary is None and turn.standing.rollout is None
    assert turn.standing.previous == ("w-1",)


@pytest.mark.parametrize(
    ("plan", "first"),
    [
        (replace(PLAN, shadow=False), "canary"),
        (replace(PLAN, shadow=False, shares=()), "production"),
        (replace(PLAN, shares=()), "shadow"),
    ],
)
def test_a_rollout_starts_with_what_the_workspace_declares(plan, first):
    assert stages(passed(with_production(plan), "run-2"))[-1] == ("w-2", first)


@pytest.mark.parametrize("state", [in_shadow(), in_canary()], ids=["shadow", "canary"])
def test_a_version_that_harms_is_rolled_back_and_production_answers_alone(state):
    turn = step(state, "roll-back")
    assert stages(turn) == [("w-2", "rolled-back")]
    assert [d.version for d in turn.standing.route.deployments()] == ["w-1"]
    assert turn.standing.rollout is None


@pytest.mark.parametrize(("otherwise", "stage"), [("roll-back", "rolled-back"), ("promote", "canary")])
def test_an_inconclusive_step_goes_the_way_that_was_declared(otherwise, stage):
    state = passed(with_production(replace(PLAN, otherwise=otherwise)), "run-2").standing
    assert stages(step(state, "inconclusive")) == [("w-2", stage)]


def test_a_stale_judgement_is_recorded_without_acting():
    state = in_canary()
    for late in (
        rollout_judged("w-2", state.route.revision - 1, "shadow"),
        rollout_judged("w-2", state.route.revision, "shadow", "roll-back"),
        rollout_judged("w-1", state.route.revision, "canary", "roll-back"),
    ):
        turn = judged(state, late)
        assert turn.standing == state and notes(turn) == ["stale"]


def test_a_judgement_of_the_gate_counts_once_and_only_for_the_last_question():
    state = in_shadow()
    assert notes(evaluated(state, model_evaluated("w-2", 1, "fail", against="w-1"))) == ["stale"]
    state = asked(with_production(), "run-2")
    turn = evaluated(state, model_evaluated("w-2", 0, "fail"))
    assert turn.standing == state and notes(turn) == ["stale"]


def test_registry_asks_again_when_production_moved_since():
    state = asked(asked(with_production(), "run-2"), "run-3")
    state = promote(state, "w-2", seen=1, by="ada").standing
    turn = evaluated(state, model_evaluated("w-3", 1, "fail", against="w-1"))
    (question,) = [d for d in turn.decisions if isinstance(d, Asked)]
    assert (question.version.id, question.version.asked, question.version.against) == ("w-3", 2, "w-2")
    assert stages(turn) == []
    assert stages(evaluated(turn.standing, model_evaluated("w-3", 2, "pass", against="w-2"))) == [("w-3", "shadow")]


def test_one_rollout_at_a_time_and_the_next_waits_for_its_end():
    state = in_shadow()
    turn = passed(state, "run-3")
    assert stages(turn) == [] and notes(turn) == ["waiting"]
    turn = step(turn.standing, "roll-back")
    assert stages(turn) == [("w-2", "rolled-back"), ("w-3", "shadow")]


def test_one_that_waited_is_judged_again_when_the_rollout_before_it_won():
    state = passed(in_canary(), "run-3").standing
    turn = step(step(state).standing)
    assert stages(turn)[-1] == ("w-2", "production")
    (question,) = [d for d in turn.decisions if isinstance(d, Asked)]
    assert (question.version.id, question.version.against) == ("w-3", "w-2")


def test_a_route_that_can_not_be_applied_takes_the_rollout_back():
    state = in_shadow()
    turn = applied(state, route_applied(state.route.revision, ok=False))
    assert stages(turn) == [("w-2", "rolled-back")] and turn.standing.production == "w-1"


def test_a_promotion_that_can_not_be_applied_restores_the_version_before():
    state = step(step(in_canary()).standing).standing
    assert state.production == "w-2"
    turn = applied(state, route_applied(state.route.revision, ok=False))
    assert stages(turn) == [("w-2", "rolled-back"), ("w-1", "production")]
    assert turn.standing.production == "w-1" and turn.standing.route.revision == state.route.revision + 1
    again = applied(turn.standing, route_applied(turn.standing.route.revision, ok=False))
    assert notes(again) == ["not applied"] and again.standing == turn.standing


def test_a_first_version_that_can_not_be_applied_leaves_no_production():
    state = passed(standing(), "run-1").standing
    turn = applied(state, route_applied(state.route.revision, ok=False))
    assert stages(turn) == [("w-1", "rolled-back")] and turn.standing.production is None


def test_a_failure_long_after_the_promotion_moves_nothing():
    state = with_production()
    turn = applied(state, route_applied(state.route.revision, ok=False))
    assert turn.standing == state and notes(turn) == ["not applied"]


def test_best_counts_only_what_serving_has_confirmed_in_production():
    state = passed(standing(), "run-1", golden=0.9).standing
    assert state.best == {}
    state = applied(state, route_applied(state.route.revision)).standing
    assert state.best == {"golden.macro_f1": 0.9}
    state = asked(state, "run-2")
    state = evaluated(state, model_evaluated("w-2", 1, "fail", against="w-1", golden=0.99)).standing
    assert state.best == {"golden.macro_f1": 0.9}
    state = promote(state, "w-2", seen=1, by="ada").standing
    assert applied(state, route_applied(state.route.revision)).standing.best == {"golden.macro_f1": 0.99}


def test_best_never_falls():
    state = passed(with_production(replace(PLAN, shadow=False, shares=()), golden=0.9), "run-2", golden=0.8).standing
    assert state.production == "w-2"
    assert applied(state, route_applied(state.route.revision)).standing.best == {"golden.macro_f1": 0.9}


def test_a_rollout_keeps_the_declaration_that_it_started_under():
    state = in_shadow()
    state = replace(state, plan=replace(PLAN, revision=2, shares=(0.9,)))
    turn = step(state)
    assert turn.standing.rollout and turn.standing.rollout.step == Step("canary", 0.1)
    assert turn.standing.route.workspace_revision == 1


def test_an_approval_is_waited_for_and_given_by_promote():
    state = with_production(replace(PLAN, shares=()))
    state = replace(state, plan=replace(PLAN, shares=(), approval=True))
    turn = step(passed(state, "run-2").standing)
    assert notes(turn) == ["awaits approval"] and stages(turn) == [] and turn.standing.production == "w-1"
    waiting = turn.standing
    assert notes(judged(waiting, rollout_judged("w-2", waiting.route.revision, "shadow", "roll-back"))) == ["stale"]
    given = promote(waiting, "w-2", seen=waiting.route.revision, by="ada")
    assert stages(given) == [("w-1", "superseded"), ("w-2", "production")]
    withheld = roll_back(waiting, seen=waiting.route.revision, by="ada")
    assert stages(withheld) == [("w-2", "rolled-back")]


def test_the_first_version_waits_for_its_approval_too():
    turn = passed(standing(replace(PLAN, approval=True)), "run-1")
    assert notes(turn) == ["awaits approval"] and turn.standing.production is None
    assert stages(promote(turn.standing, "w-1", seen=0, by="ada")) == [("w-1", "production")]


def test_one_that_awaits_approval_is_judged_again_when_production_is_taken_back():
    state = passed(with_production(replace(PLAN, shadow=False, shares=())), "run-2").standing
    state = passed(replace(state, plan=replace(PLAN, shadow=False, shares=(), approval=True)), "run-3").standing
    turn = applied(state, route_applied(state.route.revision, ok=False))
    assert stages(turn) == [("w-2", "rolled-back"), ("w-1", "production")]
    (question,) = [d for d in turn.decisions if isinstance(d, Asked)]
    assert (question.version.id, question.version.against) == ("w-3", "w-1") and turn.standing.rollout is None


def test_a_command_names_the_revision_it_saw():
    state = in_shadow()
    with pytest.raises(StaleRevision) as refused:
        promote(state, "w-2", seen=state.route.revision - 1, by="ada")
    assert (refused.value.seen, refused.value.current) == (state.route.revision - 1, state.route.revision)
    with pytest.raises(StaleRevision):
        roll_back(state, seen=0, by="ada")


def test_a_person_may_promote_over_a_rollout_which_then_ends():
    state = in_shadow()
    state = evaluated(asked(state, "run-3"), model_evaluated("w-3", 2, "fail", against="w-1")).standing
    turn = promote(state, "w-3", seen=2, by="ada")
    assert stages(turn) == [("w-2", "rolled-back"), ("w-1", "superseded"), ("w-3", "production")]
    assert all(d.by == "ada" for d in turn.decisions if isinstance(d, Staged | Routed))


def test_a_person_rolls_back_through_the_productions_before():
    state = with_production(replace(PLAN, shadow=False, shares=()))
    for run in ("run-2", "run-3"):
        state = passed(state, run).standing
    assert (state.production, state.previous) == ("w-3", ("w-1", "w-2"))
    turn = roll_back(state, seen=state.route.revision, by="ada")
    assert stages(turn) == [("w-3", "rolled-back"), ("w-2", "production")]
    turn = roll_back(turn.standing, seen=turn.standing.route.revision, by="ada")
    assert turn.standing.production == "w-1"
    with pytest.raises(NothingToRollBack):
        roll_back(turn.standing, seen=turn.standing.route.revision, by="ada")


def test_a_person_rolls_back_to_a_named_earlier_production_only():
    state = with_production(replace(PLAN, shadow=False, shares=()))
    for run in ("run-2", "run-3"):
        state = passed(state, run).standing
    assert roll_back(state, seen=state.route.revision, by="ada", to="w-1").standing.production == "w-1"
    state = asked(state, "run-4")
    with pytest.raises(NotPromotable):
        roll_back(state, seen=state.route.revision, by="ada", to="w-4")


def test_a_roll_back_during_a_rollout_ends_only_the_rollout():
    state = in_canary()
    turn = roll_back(state, seen=state.route.revision, by="ada")
    assert stages(turn) == [("w-2", "rolled-back")] and turn.standing.production == "w-1"


def test_an_unknown_version_is_named():
    with pytest.raises(VersionNotFound) as refused:
        evaluated(standing(), model_evaluated("w-9", 0))
    assert refused.value.version == "w-9"
