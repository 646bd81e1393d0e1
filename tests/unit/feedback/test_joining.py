"""What a feedback speaks of, whatever comes first, and what is kept of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from millrace.chassis import Malformed
from millrace.events import Envelope, FeedbackGiven, PredictionServed
from millrace.feedback.domain import Feedback, Prediction, admit, again, checked, correct, recorded, resolved, speaks_of
from millrace.workspace import Workspace

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
PARCELS = Workspace.read(
    {"workspace": "parcels", "owner": "us", "task": "classify", "labels": {"names": ["late", "lost"]}}
)


def given(**changes: Any) -> FeedbackGiven:
    fields = {"workspace": "parcels", "kind": "label", "value": "late", "source": "agent", "request_id": "q", **changes}
    return FeedbackGiven.create(Envelope(uuid4(), "shop", START, START), **fields)


def feedback(**changes: Any) -> Feedback:
    return admit(given(**changes), PARCELS, "secret")


PRODUCTION = Prediction(
    "parcels", "p", "q", 1, "v1", "production", 3, "where?", "late", "u", START, START + timedelta(seconds=1)
)
SHADOW = replace(PRODUCTION, prediction_id="s", version="v2", arm="shadow", predicted="lost")
ELSEWHERE = replace(PRODUCTION, prediction_id="other", request_id="other")


def spoken_of(one: Feedback) -> set[str]:
    return {each.prediction_id for each in (PRODUCTION, SHADOW, ELSEWHERE) if speaks_of(one, each)}


def test_a_label_speaks_of_every_answer_to_its_request() -> None:
    assert spoken_of(feedback()) == {"p", "s"}
    assert spoken_of(feedback(prediction_id="s")) == {"p", "s"}


def test_a_label_that_names_a_prediction_speaks_of_its_request_once_that_is_known() -> None:
    named = feedback(request_id=None, prediction_id="s")
    assert spoken_of(named) == {"s"}
    assert spoken_of(resolved(named, SHADOW)) == {"p", "s"}


def test_a_rating_speaks_of_the_answer_it_names_or_of_the_one_that_was_shown() -> None:
    assert spoken_of(feedback(kind="rating", value=1.0, request_id=None, prediction_id="s")) == {"s"}
    assert spoken_of(feedback(kind="rating", value=1.0)) == {"p"}


def test_a_preference_speaks_of_two_answers() -> None:
    assert spoken_of(feedback(kind="preference", value="p", over="other", prediction_id="p")) == {"p", "other"}


def test_nothing_joins_across_workspaces() -> None:
    assert not speaks_of(feedback(), replace(PRODUCTION, workspace="letters"))


def test_only_the_truth_of_an_input_makes_an_answer_right_or_wrong() -> None:
    assert correct(feedback(), PRODUCTION) is True
    assert correct(feedback(), SHADOW) is False
    assert correct(feedback(), replace(PRODUCTION, predicted=None)) is None
    assert correct(feedback(kind="rating", value=1.0), PRODUCTION) is None


def test_a_pair_has_one_id_and_two_pairs_have_two() -> None:
    one = feedback()
    assert recorded(one, PRODUCTION) == recorded(one, replace(PRODUCTION, known_at=START))
    assert recorded(one, PRODUCTION).id == recorded(one, replace(PRODUCTION, known_at=START)).id
    assert recorded(one, PRODUCTION).id != recorded(one, SHADOW).id
    assert recorded(one, PRODUCTION).id != recorded(feedback(), PRODUCTION).id


def test_what_is_recorded_names_its_cause_and_carries_the_masked_input() -> None:
    one = feedback()
    event = recorded(one, PRODUCTION)
    assert event.envelope.cause_id == one.feedback_id
    assert (event.text, event.version, event.arm, event.lane) == ("where?", "v1", "production", 1)
    assert (event.occurred_at, event.predicted_at) == (START, START)
    assert event.trusted and event.correct


def test_text_is_masked_and_people_are_pseudonyms() -> None:
    one = feedback(kind="edit", value="write to joe@example.com", actor="joe", source="customer")
    assert one.value == "write to [EMAIL]"
    assert one.actor and one.actor.startswith("p-") and "joe" not in one.actor
    assert not one.trusted


def test_what_was_kept_makes_the_same_feedback_again() -> None:
    for one in (
        feedback(actor="joe", supersedes="f-0"),
        feedback(kind="edit", value="call 0171 1234567", request_id=None, prediction_id="p"),
        feedback(kind="preference", value="p", over="o", request_id=None, prediction_id="p"),
        feedback(kind="rating", value=-1.0),
    ):
        assert admit(again(one), PARCELS, "secret") == replace(one, names=one.names)


def test_a_correction_names_the_id_that_the_wire_gave_the_first() -> None:
    known = uuid4()
    assert feedback(supersedes=str(known)).supersedes == known
    assert isinstance(feedback(supersedes="ticket-7").supersedes, UUID)


@pytest.mark.parametrize(
    "changes",
    [
        {"request_id": "q" * 201},
        {"request_id": "q\x00"},
        {"kind": "edit", "value": "x" * 20_001},
        {"kind": "edit", "value": "x\x00"},
        {"kind": "preference", "value": "p"},
        {"kind": "preference", "value": "p", "over": "p"},
    ],
)
def test_what_cannot_be_kept_is_told_by_field(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed) as refused:
        feedback(**changes)
    assert refused.value.field in changes or refused.value.field == "over"


def test_a_null_in_a_text_does_not_reach_postgres_but_one_in_an_id_is_refused() -> None:
    fields = {
        "workspace": "parcels",
        "lane": 0,
        "request_id": "q",
        "prediction_id": "p",
        "version": "v",
        "arm": "production",
        "revision": 1,
        "text": "a\x00b",
        "latency_ms": 1.0,
        "tokens": 1,
    }
    about = Envelope(uuid4(), "", START, START)
    kept = checked(PredictionServed.create(about, **fields))
    assert "\x00" not in kept.text and kept.id == about.id
    with pytest.raises(Malformed):
        checked(PredictionServed.create(about, **{**fields, "request_id": "q\x00"}))
