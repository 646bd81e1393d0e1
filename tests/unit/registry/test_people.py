"""What people decide of one version: four eyes, holds, notes, another signature."""

from dataclasses import replace

import pytest
from registry_facts import PLAN, model_evaluated, model_trained, rollout_judged, route_applied, standing

from millrace.events import Signature
from millrace.registry.domain import (
    Noted,
    NotHeld,
    NothingToApprove,
    NotPromotable,
    NotYetServed,
    Plan,
    Request,
    RolloutUnderWay,
    Routed,
    SamePerson,
    Staged,
    StaleRevision,
    Standing,
    Turn,
    VersionHeld,
    VersionNotFound,
    applied,
    approve,
    evaluated,
    hold,
    inspected,
    judged,
    note,
    promote,
    release,
    roll_back,
    sign_anew,
    sign_first,
    trained,
)

FOUR_EYES = replace(PLAN, shadow=False, shares=(), approval=True, four_eyes=True)


def stages(turn: Turn) -> list[tuple[str | None, str]]:
    return [(d.version.id if d.version else None, d.stage) for d in turn.decisions if isinstance(d, Staged)]


def notes(turn: Turn) -> list[str]:
    return [d.what for d in turn.decisions if isinstance(d, Noted)]


def judging(state: Standing, run: str, *, asked_by: str | None = None) -> Standing:
    """A version that evaluation has been asked to judge."""
    event = model_trained(run).model_copy(update={"asked_by": asked_by})
    state = trained(state, event).standing
    return inspected(state, f"w-{state.numbered}", None, Signature(key="k", value="v")).standing


def answered(state: Standing, verdict: str = "pass") -> Turn:
    version = state.version(f"w-{state.numbered}")
    assert version.asked is not None
    return evaluated(state, model_evaluated(version.id, version.asked, verdict, against=version.against))  # type: ignore[arg-type]


def passed(state: Standing, run: str, *, asked_by: str | None = None) -> Standing:
    return answered(judging(state, run, asked_by=asked_by)).standing


def served(state: Standing) -> Standing:
    return applied(state, route_applied(state.route.revision)).standing


def with_production(plan: Plan = PLAN) -> Standing:
    return replace(served(passed(standing(replace(plan, approval=False, four_eyes=False)), "run-1")), plan=plan)


def awaiting(asked_by: str | None = None) -> Standing:
    state = passed(with_production(FOUR_EYES), "run-2", asked_by=asked_by)
    assert state.rollout and state.rollout.awaiting
    return state


def at(state: Standing) -> int:
    return state.route.revision


@pytest.mark.parametrize("by", ["ada", " Ada ", "ADA"])
@pytest.mark.parametrize("ask", [approve, promote])
def test_who_had_a_version_trained_does_not_approve_it(ask, by):
    with pytest.raises(SamePerson, match="had it trained") as refused:
        ask(awaiting("ada"), "w-2", seen=1, by=by)
    assert refused.value.version == "w-2"


@pytest.mark.parametrize("asked_by", ["ada", None])
def test_another_approves_it(asked_by):
    turn = approve(awaiting(asked_by), "w-2", seen=1, by="ben")
    assert turn.standing.production == "w-2" and stages(turn)[-1] == ("w-2", "production")
    assert [d.by for d in turn.decisions if isinstance(d, Staged)] == ["ben", "ben"]


def test_who_asked_for_a_promotion_does_not_approve_it_and_another_does():
    state = answered(judging(with_production(FOUR_EYES), "run-2"), "fail").standing
    turn = promote(state, "w-2", seen=1, by="ada", reason="we know better")
    assert turn.standing.production == "w-1" and notes(turn) == ["awaits approval"]
    assert turn.standing.request == Request("w-2", "ada", "we know better")
    with pytest.raises(SamePerson, match="asked for its promotion"):
        approve(turn.standing, "w-2", seen=1, by="ada")
    done = approve(turn.standing, "w-2", seen=1, by="ben")
    assert done.standing.production == "w-2" and done.standing.request is None
    told = next(d.reason for d in done.decisions if isinstance(d, Routed))
    assert "approved by ben" in told and "ada asked: we know better" in told


def test_with_approval_by_a_person_the_same_one_may_ask_and_approve():
    state = replace(awaiting("ada"), plan=replace(FOUR_EYES, four_eyes=False))
    rollout = state.rollout
    assert rollout
    state = replace(state, rollout=replace(rollout, plan=state.plan))
    assert approve(state, "w-2", seen=1, by="ada").standing.production == "w-2"


def test_a_rollout_that_started_under_four_eyes_keeps_them_when_the_declaration_drops_them():
    state = replace(awaiting("ada"), plan=PLAN)
    with pytest.raises(SamePerson):
        approve(state, "w-2", seen=1, by="ada")


def test_an_approval_names_a_version_that_waits_and_the_revision_seen():
    with pytest.raises(NothingToApprove):
        approve(with_production(), "w-1", seen=1, by="ben")
    with pytest.raises(StaleRevision):
        approve(awaiting(), "w-2", seen=0, by="ben")
    with pytest.raises(VersionNotFound):
        approve(awaiting(), "w-9", seen=1, by="ben")


def held(state: Standing, version: str = "w-2") -> Standing:
    return hold(state, version, by="ada", reason="not before the holidays").standing


def test_a_held_version_is_judged_but_moves_only_when_it_is_released():
    turn = answered(held(judging(with_production(), "run-2")))
    assert turn.standing.version("w-2").stage == "registered" and notes(turn) == ["held"]
    turn = release(turn.standing, "w-2", by="ben")
    assert notes(turn) == ["release"] and stages(turn) == [("w-2", "shadow")]


def test_a_held_version_that_fails_the_gate_is_rejected_when_it_is_released():
    turn = answered(held(judging(with_production(), "run-2")), "fail")
    assert stages(turn) == [] and turn.standing.version("w-2").owed
    turn = release(turn.standing, "w-2", by="ben")
    assert stages(turn) == [("w-2", "rejected")] and turn.standing.version("w-2").owed is None


@pytest.mark.parametrize(("verdict", "stage"), [("promote", "canary"), ("roll-back", "rolled-back")])
def test_what_evidence_says_of_a_held_rollout_is_done_at_its_release(verdict, stage):
    state = held(passed(with_production(), "run-2"))
    turn = judged(state, rollout_judged("w-2", at(state), "shadow", verdict))
    assert stages(turn) == [] and notes(turn) == ["held"]
    if verdict == "roll-back":
        assert turn.standing.route.shadow is None, "callers are protected at once"
    assert stages(release(turn.standing, "w-2", by="ben")) == [("w-2", stage)]


def test_production_that_is_held_is_not_superseded():
    state = held(passed(with_production(replace(PLAN, shadow=False, shares=(0.5,))), "run-2"), "w-1")
    state = judged(state, rollout_judged("w-2", at(state), "canary")).standing
    assert state.production == "w-1" and state.version("w-2").owed
    turn = release(state, "w-1", by="ben")
    assert stages(turn) == [("w-1", "superseded"), ("w-2", "production")]


@pytest.mark.parametrize("which", ["w-1", "w-2"])
def test_people_can_not_move_past_a_hold(which):
    state = held(passed(with_production(FOUR_EYES), "run-2"), which)
    for ask in (promote, approve):
        with pytest.raises(VersionHeld, match="held by ada") as refused:
            ask(state, "w-2", seen=1, by="ben")
        assert refused.value.version == which


def test_a_held_rollout_is_not_rolled_back_by_hand():
    with pytest.raises(VersionHeld):
        roll_back(held(passed(with_production(), "run-2")), seen=2, by="ben")


def test_holds_are_of_one_person_and_released_once():
    state = held(with_production(), "w-1")
    with pytest.raises(VersionHeld):
        hold(state, "w-1", by="ben", reason="me too")
    with pytest.raises(NotHeld):
        release(release(state, "w-1", by="ada").standing, "w-1", by="ada")
    with pytest.raises(VersionNotFound):
        hold(state, "w-7", by="ben", reason="who?")


def test_a_production_that_serving_has_not_confirmed_is_not_held():
    with pytest.raises(NotYetServed):
        hold(passed(standing(), "run-1"), "w-1", by="ada", reason="wait")


def test_a_note_is_written_down_and_moves_nothing():
    state = with_production()
    turn = note(state, "w-1", by="ada", text="tried on last week's tickets")
    assert turn.standing == state
    assert turn.decisions == (Noted("note", "tried on last week's tickets", "w-1", "ada"),)


def test_production_that_is_signed_anew_gets_a_route_that_says_so():
    other = Signature(key="other", value="signed")
    turn = sign_anew(with_production(), "w-1", other, by="ada")
    assert turn.standing.route.revision == 2
    assert turn.standing.route.production and turn.standing.route.production.signature == other
    assert turn.standing.version("w-1").deployment.signature == other


def test_a_version_out_of_the_route_is_signed_anew_without_one():
    state = answered(judging(with_production(), "run-2"), "fail").standing
    turn = sign_anew(state, "w-2", Signature(key="other", value="signed"), by="ada")
    assert turn.standing.route == state.route and notes(turn) == ["signed"]


def test_what_was_refused_or_not_inspected_is_never_signed_and_a_rollout_ends_first():
    other = Signature(key="other", value="signed")
    state = trained(with_production(), model_trained("run-2")).standing
    with pytest.raises(NotPromotable, match="not inspected"):
        sign_anew(state, "w-2", other, by="ada")
    with pytest.raises(NotPromotable, match="refused"):
        sign_anew(inspected(state, "w-2", "weights.pkl").standing, "w-2", other, by="ada")
    with pytest.raises(RolloutUnderWay):
        sign_anew(passed(with_production(), "run-2"), "w-1", other, by="ada")


def unsigned(state: Standing) -> Standing:
    """As the release before left it."""
    bare = {
        name: replace(version, deployment=version.deployment.model_copy(update={"signature": None}))
        for name, version in state.versions.items()
    }
    route = state.route.model_copy(
        update={
            "production": bare["w-1"].deployment,
            "shadow": bare["w-2"].deployment if state.route.shadow else None,
            "canary": state.route.canary.model_copy(update={"deployment": bare["w-2"].deployment})
            if state.route.canary
            else None,
        }
    )
    return replace(state, versions=bare, route=route)


@pytest.mark.parametrize("shadow", [True, False])
def test_after_the_upgrade_a_rollout_goes_on_at_its_step_with_versions_that_are_signed(shadow):
    state = unsigned(passed(with_production(replace(PLAN, shadow=shadow)), "run-2"))
    signature = Signature(key="k", value="v")
    turn = sign_first(state, {"w-1": signature, "w-2": signature}, {})
    before, after = state.route, turn.standing.route
    assert after.revision == before.revision + 1 and turn.standing.rollout == state.rollout
    assert [one.version for one in after.deployments()] == [one.version for one in before.deployments()]
    assert all(one.signature == signature for one in after.deployments())
    assert bool(after.shadow) == shadow and (after.canary is None or after.canary.share == 0.1)
    step = "shadow" if shadow else "canary"
    stale = judged(turn.standing, rollout_judged("w-2", before.revision, step))  # type: ignore[arg-type]
    assert notes(stale) == ["stale"]


def test_what_can_not_be_signed_is_written_down_and_an_unrouted_version_moves_no_route():
    state = unsigned(answered(judging(with_production(), "run-2"), "fail").standing)
    turn = sign_first(state, {}, {"w-2": "weights.pkl: pickled"})
    assert notes(turn) == ["not signed"] and turn.standing == state
