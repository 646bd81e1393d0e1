from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4, uuid5

import pytest

from millrace.demo import expectations as expect
from millrace.demo.expectations import Check, Intake
from millrace.demo.facts import Call, Facts
from millrace.demo.mess import Expected
from millrace.events import Envelope, Event, ModelEvaluated, ModelStaged, RetrainingRequested, RolloutJudged

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
FIRST, SECOND, BAD, HARMFUL = (uuid5(UUID(int=1), name) for name in ("first", "second", "bad", "harmful"))
MIXED = Expected(published=1956, kept=1800, exact=60, near=60, masked=48, rejected=36)
FOUND = Intake(published=1956, accepted=1920, kept=1800, exact=60, near=60, masked=48, rejected=36)


def broken(checks: Sequence[Check]) -> list[str]:
    return [check.promise for check in checks if not check.kept]


def change(facts: Facts, kind: type[Event], where: Callable[[Event], bool], **fields: object) -> None:
    """Events as they might have been."""
    for place, event in enumerate(facts.ledger):
        if isinstance(event, kind) and where(event):
            facts.ledger[place] = kind.model_validate({**event.model_dump(), **fields}).within(event.envelope)


def test_every_promise_holds_of_a_story_that_went_well(facts: Facts) -> None:
    assert not broken(expect.clean_intake(FOUND, MIXED, exactly=True))
    assert not broken(expect.first_version(facts, FIRST))
    assert not broken(expect.stable(facts))
    assert not broken(expect.shift_noticed(facts))
    assert not broken(expect.recovered(facts, SECOND))
    assert not broken(expect.bad_source_stopped(facts, BAD, ["partner-desk"]))
    assert not broken(expect.harm_rolled_back(facts, HARMFUL))
    assert not broken(expect.nothing_failed(facts))


def test_no_promise_holds_of_a_story_that_did_not_happen() -> None:
    nothing = Facts()
    steps = (
        expect.first_version(nothing, FIRST),
        expect.shift_noticed(nothing),
        expect.recovered(nothing, None),
        expect.bad_source_stopped(nothing, None, []),
        expect.harm_rolled_back(nothing, None),
        expect.nothing_failed(nothing),
    )
    assert all(not check.kept for checks in steps for check in checks)


@pytest.mark.parametrize(
    "wrong", [{"kept": 1799, "near": 61}, {"near": 59, "kept": 1801}, {"masked": 49}, {"rejected": 35}, {"exact": 61}]
)
def test_a_count_that_is_off_by_one_is_a_broken_promise(wrong: dict[str, int]) -> None:
    assert broken(expect.clean_intake(replace(FOUND, **wrong), MIXED, exactly=True))


def test_of_a_users_own_data_more_may_be_found_but_all_is_accounted_for() -> None:
    more = replace(FOUND, kept=1700, near=160, masked=60)
    assert not broken(expect.clean_intake(more, MIXED, exactly=False))
    assert broken(expect.clean_intake(replace(more, kept=1699), MIXED, exactly=False))
    assert broken(expect.clean_intake(replace(more, near=59, kept=1801), MIXED, exactly=False))


def test_intake_is_whole_when_everything_was_judged_and_matched() -> None:
    assert FOUND.whole
    assert not replace(FOUND, rejected=35).whole
    assert not replace(FOUND, kept=1799).whole


def test_detection_counts_requests_from_the_shift_to_the_alarm(facts: Facts) -> None:
    assert expect.detection(facts) == 151
    assert expect.detection(Facts()) is None


def test_a_call_that_failed_is_no_answer(facts: Facts) -> None:
    facts.calls = [replace(call, version=None) for call in facts.calls]
    assert "600 answers before the shift" in broken(expect.stable(facts))


@pytest.mark.parametrize(
    ("harm", "promise"),
    [
        (lambda facts: facts.untaken.update(["rejected"]), "all feedback was taken"),
        (lambda facts: facts.unread.update(["document.kept.v1: body"]), "every event could be read"),
    ],
)
def test_what_was_not_taken_or_not_read_breaks_a_promise(
    facts: Facts, harm: Callable[[Facts], None], promise: str
) -> None:
    harm(facts)
    assert broken(expect.nothing_failed(facts)) == [promise]


def test_an_alarm_before_the_shift_is_false(facts: Facts) -> None:
    facts.shift = START + timedelta(seconds=64)
    assert "no false alarm" in broken(expect.stable(facts))
    assert "drift detected" in broken(expect.shift_noticed(facts))


def test_quality_is_taken_before_at_its_worst_and_after(facts: Facts) -> None:
    before, worst, after = expect.quality(facts)
    assert before == pytest.approx(0.9)
    assert worst == pytest.approx(0.5)
    assert after == pytest.approx(0.9)


def test_a_canary_that_answers_well_is_not_yet_quality_regained(facts: Facts) -> None:
    facts.calls = [replace(call, arm="canary") if call.version == "w-2" else call for call in facts.calls]
    assert expect.quality(facts)[2] is None


def test_quality_that_does_not_come_back_breaks_the_story(facts: Facts) -> None:
    facts.calls = [replace(call, right=False) if call.version == "w-2" and call.right else call for call in facts.calls]
    assert broken(expect.recovered(facts, SECOND)) == ["and came back within 0.05"]


def test_a_fall_that_is_none_breaks_the_story(facts: Facts) -> None:
    facts.calls = [call if call.right is None else replace(call, right=True) for call in facts.calls]
    assert broken(expect.recovered(facts, SECOND)) == ["accuracy fell by 0.10 or more"]


def test_two_cycles_for_one_drift_break_the_story(facts: Facts) -> None:
    again = facts.of(RetrainingRequested)[0].model_copy()
    facts.add(again.within(Envelope(uuid4(), "test", START, START, cycle_id=uuid4())))
    assert broken(expect.recovered(facts, SECOND)) == ["one drift, one cycle"]


def test_a_persons_promotion_is_not_evidence(facts: Facts) -> None:
    change(facts, ModelStaged, lambda event: event.cycle_id == SECOND, by="a person")
    assert broken(expect.recovered(facts, SECOND)) == ["promoted by evidence"]


def test_a_skipped_canary_step_is_noticed(facts: Facts) -> None:
    facts.ledger = [one for one in facts.ledger if not (isinstance(one, RolloutJudged) and one.share == 0.5)]
    assert broken(expect.recovered(facts, SECOND)) == ["shadow, then canaries of 20 % and 50 %"]


def test_a_bad_candidate_must_be_stopped_by_the_golden_suite_itself(facts: Facts) -> None:
    condition = {"condition": "fresh.macro_f1 >= production - 0.02", "verdict": "fail"}
    change(facts, ModelEvaluated, lambda event: event.cycle_id == BAD, conditions=[condition])
    assert broken(expect.bad_source_stopped(facts, BAD, ["partner-desk"])) == ["the golden suite stopped it"]


def test_an_inconclusive_golden_suite_did_not_prove_anything(facts: Facts) -> None:
    condition = {"condition": "golden.macro_f1 >= best - 0.03", "verdict": "inconclusive"}
    change(facts, ModelEvaluated, lambda event: event.cycle_id == BAD, conditions=[condition])
    assert broken(expect.bad_source_stopped(facts, BAD, ["partner-desk"])) == ["the golden suite stopped it"]


def test_a_rollback_for_another_reason_is_not_the_harm(facts: Facts) -> None:
    change(
        facts,
        RolloutJudged,
        lambda event: event.cycle_id == HARMFUL,
        because="feedback.negative <= production + 0.05: broken",
    )
    assert broken(expect.harm_rolled_back(facts, HARMFUL)) == ["its canary saw the harm"]


def test_one_failed_request_is_one_too_many(facts: Facts) -> None:
    facts.calls.append(Call(START, None, failure="serving gave no answer"))
    check = expect.nothing_failed(facts)[0]
    assert not check.kept
    assert "serving gave no answer" in check.seen
