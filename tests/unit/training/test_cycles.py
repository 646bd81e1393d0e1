"""Training's state machine, move by move."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
import training_facts as facts
from training_facts import POLICY, START, at

from millrace.training import domain
from millrace.training.domain import Alerted, Closed, Cut, CycleOpen, GaveUp, Ignored, NotTrained, Opened, Track, Turn


def opened(turn: Turn) -> list[domain.Cycle]:
    return [d.cycle for d in turn.decisions if isinstance(d, Opened)]


def alerts(turn: Turn) -> list[str]:
    return [d.kind for d in turn.decisions if isinstance(d, Alerted)]


def serving(version: str = "w-1") -> Track:
    return Track("w", production=version)


def drifting() -> Track:
    return domain.drifted(serving(), facts.drift("d1", "w-1", 100, change=90), POLICY, at(100)).track


def judging(track: Track, seconds: float = 200) -> Track:
    assert track.cycle
    track = domain.released(track, facts.released(track.cycle.id, seconds)).track
    assert track.cycle
    return domain.picked(track, track.cycle.id).track


def end(track: Track, stage, version="w-2", production="w-1", seconds=300, by="evidence") -> Turn:
    assert track.cycle
    told = facts.staged(stage, version, production=production, cycle=track.cycle.id, seconds=seconds, by=by)
    return domain.staged(track, told, POLICY, at(seconds))


def test_drift_of_production_opens_a_cycle_for_the_change_point():
    (cycle,) = opened(domain.drifted(serving(), facts.drift("d1", "w-1", 100, change=90), POLICY, at(101)))
    assert (cycle.because, cycle.attempt, cycle.change_point, cycle.version) == ("drift", 1, at(90), "w-1")
    assert (cycle.deadline, cycle.min_labels) == (at(101) + timedelta(days=7), 200)
    assert cycle.drift_id == facts.drift("d1", "w-1", 100).id


def test_the_same_trigger_makes_the_same_cycle():
    event = facts.drift("d1", "w-1", 100)
    first, second = (domain.drifted(serving(), event, POLICY, at(now)) for now in (100, 5000))
    assert opened(first)[0].id == opened(second)[0].id
    assert opened(domain.drifted(first.track, event, POLICY, at(101))) == []


def test_a_second_alarm_of_the_same_change_opens_nothing_more():
    track = drifting()
    turn = domain.drifted(track, facts.drift("d2", "w-1", 130, change=95), POLICY, at(130))
    assert opened(turn) == []
    turn = end(judging(turn.track), "production", production="w-2")
    assert opened(turn) == [] and turn.track.pending == ()


def test_drift_of_a_version_that_left_production_is_ignored():
    track = end(judging(drifting()), "production", production="w-2").track
    turn = domain.drifted(track, facts.drift("late", "w-1", 400, change=395), POLICY, at(400))
    assert opened(turn) == [] and turn.track == track


def test_drift_of_the_new_version_after_its_cut_opens_the_next_cycle():
    track = end(judging(drifting()), "production", production="w-2").track
    (cycle,) = opened(domain.drifted(track, facts.drift("d3", "w-2", 900, change=850), POLICY, at(900)))
    assert cycle.attempt == 1 and cycle.version == "w-2"


def test_drift_whose_change_point_the_new_version_has_seen_is_ignored():
    track = end(judging(drifting(), seconds=200), "production", production="w-2").track
    assert opened(domain.drifted(track, facts.drift("d3", "w-2", 900, change=199), POLICY, at(900))) == []


def test_drift_read_before_its_version_was_known_in_production_waits_for_that():
    turn = domain.drifted(serving("w-1"), facts.drift("early", "w-2", 900), POLICY, at(900))
    assert opened(turn) == [] and len(turn.track.pending) == 1
    turn = domain.staged(turn.track, facts.staged("production", "w-2", production="w-2"), POLICY, at(901))
    assert [cycle.version for cycle in opened(turn)] == ["w-2"]


def test_drift_can_be_switched_off():
    turn = domain.drifted(serving(), facts.drift("d1", "w-1", 100), replace(POLICY, drift=False), at(100))
    assert opened(turn) == []


def test_growth_brings_a_new_workspace_to_its_first_version():
    turn = domain.grown(Track("w"), facts.grown("g", 50), POLICY, at(50))
    (cycle,) = opened(turn)
    assert (cycle.because, cycle.change_point, cycle.version) == ("growth", None, None)
    turn = end(judging(turn.track), "production", "w-1", production="w-1")
    assert turn.track.production == "w-1" and turn.track.cycle is None and alerts(turn) == []


def test_growth_during_a_cycle_is_weighed_at_its_close_against_the_rows_that_were_cut():
    track = domain.grown(drifting(), facts.grown("before the cut", 150), POLICY, at(150)).track
    assert opened(end(judging(track, seconds=200), "production", production="w-2")) == []
    track = domain.grown(drifting(), facts.grown("after the cut", 250), POLICY, at(250)).track
    (cycle,) = opened(end(judging(track, seconds=200), "production", production="w-2"))
    assert cycle.because == "growth"


def test_a_cycle_by_hand_is_refused_while_one_is_open_and_names_it():
    track = drifting()
    with pytest.raises(CycleOpen) as refused:
        domain.by_hand(track, facts.ask("hand"), POLICY, at(120))
    assert track.cycle and refused.value.cycle == str(track.cycle.id)


def test_the_same_call_by_hand_again_opens_nothing_more():
    turn = domain.by_hand(serving(), facts.ask("hand"), POLICY, at(10))
    assert len(opened(turn)) == 1
    again = domain.by_hand(turn.track, facts.ask("hand"), POLICY, at(11))
    assert opened(again) == [] and again.track == turn.track


def test_the_schedule_counts_from_the_last_cycle():
    track = serving()
    assert domain.due(track, POLICY, START) == START + timedelta(weeks=1)
    track = drifting()
    assert domain.due(track, POLICY, START) == at(100) + timedelta(weeks=1)
    assert domain.due(track, replace(POLICY, every=None), START) is None


def test_the_schedule_opens_nothing_during_a_cycle_or_without_production():
    ask = domain.Ask(UUID(int=1), "schedule", at(5))
    assert opened(domain.by_schedule(drifting(), ask, POLICY, at(200))) == []
    assert opened(domain.by_schedule(Track("w"), ask, POLICY, at(200))) == []
    assert len(opened(domain.by_schedule(serving(), ask, POLICY, at(200)))) == 1


def test_a_released_dataset_is_taken_once_and_only_by_its_cycle():
    track = drifting()
    assert track.cycle
    stranger = domain.released(track, facts.released(UUID(int=9), 200))
    assert stranger.track == track
    turn = domain.released(track, facts.released(track.cycle.id, 200))
    assert [type(d) for d in turn.decisions] == [Cut]
    assert turn.track.cycle and turn.track.cycle.cut_at == at(200)
    again = domain.released(turn.track, facts.released(track.cycle.id, 200))
    assert again.track == turn.track


def test_without_a_dataset_the_cycle_gives_up_and_says_what_was_missing():
    track = drifting()
    assert track.cycle
    turn = domain.dataset_failed(track, facts.dataset_failed(track.cycle.id, 500))
    (gave_up,) = [d for d in turn.decisions if isinstance(d, GaveUp)]
    assert gave_up.reason == "too few labels (missing: 150 of total)"
    assert turn.track.cycle is not None
    closed = end(turn.track, "failed", version=None)
    assert closed.track.cycle is None and alerts(closed) == ["failed"]


@pytest.mark.parametrize("stage", ["rejected", "rolled-back"])
def test_a_judgement_against_a_drifts_candidate_opens_a_second_attempt_on_newer_rows(stage):
    track = judging(drifting())
    first = track.cycle
    turn = end(track, stage)
    (second,) = opened(turn)
    assert first and second.id != first.id
    assert (second.attempt, second.drift_id, second.change_point) == (2, first.drift_id, first.change_point)
    assert second.min_labels == 2 * first.min_labels
    assert [d.outcome for d in turn.decisions if isinstance(d, Closed)] == [stage]


def test_a_second_judgement_against_alerts_and_stops():
    track = end(judging(drifting()), "rejected").track
    turn = end(judging(track, seconds=400), "rejected", "w-3", seconds=500)
    assert opened(turn) == [] and alerts(turn) == ["gave-up"] and turn.track.cycle is None
    again = domain.drifted(turn.track, facts.drift("d9", "w-1", 600, change=399), POLICY, at(600))
    assert opened(again) == []
    newer = domain.drifted(turn.track, facts.drift("d10", "w-1", 600, change=450), POLICY, at(600))
    assert len(opened(newer)) == 1


def test_a_rejection_of_growth_or_hand_opens_no_second_attempt():
    track = domain.by_hand(serving(), facts.ask("hand"), POLICY, at(10)).track
    turn = end(judging(track), "rejected")
    assert opened(turn) == [] and turn.track.cycle is None


def test_what_a_person_rolls_back_is_not_tried_again():
    turn = end(judging(drifting()), "rolled-back", by="ada")
    assert opened(turn) == [] and alerts(turn) == []


@pytest.mark.parametrize("stage", ["failed", "refused"])
def test_a_failure_closes_the_cycle_and_alerts(stage):
    turn = end(judging(drifting()), stage)
    assert alerts(turn) == [stage] and turn.track.cycle is None


def test_stages_on_the_way_do_not_close_the_cycle():
    track = judging(drifting())
    for stage in ("shadow", "canary", "superseded"):
        turn = end(track, stage)
        assert turn.track.cycle == track.cycle and turn.decisions == ()


def test_the_end_of_another_cycle_closes_nothing():
    track = judging(drifting())
    told = facts.staged("rejected", "w-7", production="w-1", cycle=UUID(int=7))
    assert domain.staged(track, told, POLICY, at(300)).track == track


def test_production_taken_back_by_evidence_counts_as_a_judgement_against():
    track = end(judging(drifting()), "production", production="w-2").track
    assert track.last
    told = facts.staged("rolled-back", "w-2", production="w-1", cycle=track.last.id, seconds=350)
    turn = domain.staged(track, told, POLICY, at(350))
    (second,) = opened(turn)
    assert second.attempt == 2 and turn.track.production == "w-1"


def test_production_taken_back_by_a_person_leaves_its_drift_open():
    track = end(judging(drifting()), "production", production="w-2").track
    assert track.last
    told = facts.staged("rolled-back", "w-2", production="w-1", cycle=track.last.id, by="ada")
    turn = domain.staged(track, told, POLICY, at(350))
    assert opened(turn) == []
    assert len(opened(domain.drifted(turn.track, facts.drift("d5", "w-1", 400, change=90), POLICY, at(400)))) == 1


def test_a_timer_that_rings_late_changes_nothing():
    track = judging(drifting())
    assert track.cycle
    assert domain.overdue(track, track.cycle.id, "waiting").track == track
    assert domain.overdue(track, UUID(int=1), "judging").decisions == ()


def test_every_wait_has_its_end():
    waiting = drifting()
    assert waiting.cycle
    turn = domain.overdue(waiting, waiting.cycle.id, "waiting")
    assert [type(d) for d in turn.decisions] == [GaveUp]
    training = domain.released(waiting, facts.released(waiting.cycle.id, 200)).track
    turn = domain.overdue(training, waiting.cycle.id, "training")
    assert [type(d) for d in turn.decisions] == [GaveUp]
    late = domain.overdue(judging(waiting), waiting.cycle.id, "judging")
    assert alerts(late) == ["overdue"] and late.track.cycle is not None


def test_no_cycle_is_opened_for_a_task_that_is_not_trained():
    policy = replace(POLICY, untrained="tabular")
    ask = domain.Ask(UUID(int=7), "hand", at(100))
    with pytest.raises(NotTrained, match="w is of task tabular"):
        domain.by_hand(serving(), ask, policy, at(100))
    for turn in (
        domain.drifted(serving(), facts.drift("d1", "w-1", 100), policy, at(100)),
        domain.grown(serving(), facts.grown("g1", 100), policy, at(100)),
        domain.by_schedule(serving(), ask, policy, at(100)),
    ):
        assert (opened(turn), turn.track) == ([], serving())
        assert [d.reason for d in turn.decisions if isinstance(d, Ignored)] == [str(NotTrained("w", "tabular"))]
