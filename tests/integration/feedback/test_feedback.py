"""feedback on real Postgres: whatever comes first, late, twice or corrected, the same is joined."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from harness import START, Running, make, running

from millrace.chassis import Unavailable
from millrace.events import (
    DriftDetected,
    ErasureConfirmed,
    Event,
    FeedbackGiven,
    FeedbackRecorded,
    PredictionServed,
    SubjectErased,
    WorkspaceConfigured,
)
from millrace.feedback.app import build_app
from millrace.stack import Endpoints

SPEC = {
    "workspace": "parcels",
    "owner": "us",
    "task": "classify",
    "labels": {"names": ["late", "lost"]},
    "feedback": {"wait": "60s"},
    "train": {"min_labels": 20},
}


@pytest.fixture
async def feedback(stack: Endpoints) -> AsyncIterator[Running]:
    async with running(stack, "feedback", build_app) as service:
        for name in ("parcels", "letters"):
            spec = {**SPEC, "workspace": name}
            configured = make(WorkspaceConfigured, workspace=name, revision=1, spec=spec, digest="d", by="us")
            await service.tables.put(configured)
        yield service


def served(number: int, arm: str = "production", **changes: Any) -> PredictionServed:
    fields: dict[str, Any] = {
        "lane": number % 2,
        "request_id": f"q-{number}",
        "prediction_id": f"p-{number}-{arm}",
        "version": "v1" if arm == "production" else "v2",
        "arm": arm,
        "revision": 1,
        "text": "where?",
        "latency_ms": 5.0,
        "tokens": 3,
        "label": "late" if arm == "production" else "lost",
        "probability": (number % 10) / 10,
        **changes,
    }
    return make(PredictionServed, at=START + number * timedelta(seconds=1), **fields)


def said(**changes: Any) -> FeedbackGiven:
    return make(FeedbackGiven, at=START, **{"kind": "label", "value": "late", "source": "agent", **changes})


async def joined(service: Running) -> list[str]:
    async with service.db.reading() as tx:
        return sorted(repr(dict(row)) for row in await tx.fetch("SELECT * FROM joined"))


async def recorded(service: Running) -> dict[UUID, str]:
    """What is on the outbox by id; a repetition would have to say the same."""
    found: dict[UUID, str] = {}
    for event in await service.emitted(FeedbackRecorded):
        assert found.setdefault(event.id, event.model_dump_json()) == event.model_dump_json()
    return found


async def test_a_label_scores_production_and_shadow_at_once(feedback: Running) -> None:
    await feedback.deliver([served(1), served(1, "shadow"), served(2)])
    await feedback.deliver([said(request_id="q-1", actor="joe")])
    events = await feedback.emitted(FeedbackRecorded)
    assert {(event.version, event.arm, event.correct) for event in events} == {
        ("v1", "production", True),
        ("v2", "shadow", False),
    }
    assert {event.key for event in events} == {"parcels/1"}
    assert all(event.text == "where?" and event.trusted and event.actor != "joe" for event in events)


async def test_feedback_before_its_prediction_joins_when_that_comes(feedback: Running) -> None:
    await feedback.deliver([said(request_id="q-1"), said(kind="rating", value=-1.0, prediction_id="p-1-production")])
    assert not await feedback.emitted(FeedbackRecorded)
    await feedback.deliver([served(1)])
    assert {event.kind for event in await feedback.emitted(FeedbackRecorded)} == {"label", "rating"}
    feedback.clock.advance(100)
    await feedback.work("expire")
    assert not await feedback.dead_letters()


async def test_a_label_by_prediction_reaches_answers_of_the_request_that_come_later(feedback: Running) -> None:
    await feedback.deliver([said(prediction_id="p-1-shadow", source="customer")])
    await feedback.deliver([served(1)])
    assert not await feedback.emitted(FeedbackRecorded)
    await feedback.deliver([served(1, "shadow")])
    await feedback.deliver([served(1, "canary")])
    events = await feedback.emitted(FeedbackRecorded)
    assert {event.arm for event in events} == {"production", "shadow", "canary"}
    assert not any(event.trusted for event in events)


@pytest.mark.parametrize("labels_first", [True, False])
async def test_what_is_said_is_recorded_in_its_order(feedback: Running, labels_first: bool) -> None:
    given = [said(request_id=f"q-{number}") for number in range(0, 40, 2)]
    answers = [served(number) for number in range(0, 40, 2)]
    for batch in (given, answers) if labels_first else (answers, given):
        await feedback.deliver(batch)
    assert [event.feedback_id for event in await feedback.emitted(FeedbackRecorded)] == [str(one.id) for one in given]


async def test_a_repeated_batch_changes_nothing(feedback: Running) -> None:
    given = [said(request_id=f"q-{number}") for number in range(5)]
    answers = [served(number) for number in range(5)]
    await feedback.deliver([*answers, *given])
    once = await feedback.snapshot()
    await feedback.deliver([*given, *answers], again=True)
    await feedback.deliver([*given, *answers])
    assert await feedback.snapshot() == once


def story(seed: int) -> list[Event]:
    """Answers of several arms and every kind of feedback, some of it corrected, some of two, some of none."""
    draw = random.Random(seed)
    events: list[Event] = []
    for number in range(8):
        events += [served(number, arm) for arm in ("production", "shadow", "canary") if draw.random() < 0.7]
        first = uuid4()
        rating = {"kind": "rating", "value": draw.choice([-1.0, 1.0]), "source": "customer"}
        better = {"kind": "preference", "value": f"p-{number}-production", "over": f"p-{number}-shadow"}
        events += [
            make(FeedbackGiven, id=first, kind="label", value="lost", source="agent", request_id=f"q-{number}"),
            said(request_id=f"q-{number}", supersedes=str(first)),
            said(prediction_id=f"p-{number}-{draw.choice(['production', 'shadow'])}", value="lost"),
            said(request_id=f"q-{number}", **rating),
            said(prediction_id=f"p-{number}-canary", **rating),
            said(prediction_id=f"p-{number}-production", kind="edit", value="rather: mail joe@example.com"),
            said(prediction_id=f"p-{number}-production", **better),
        ]
    letters = [event for event in events if draw.random() < 0.2]
    return events + [elsewhere(event) for event in letters]


def elsewhere(event: Event) -> Event:
    return make(type(event), at=event.occurred_at, **{**event.model_dump(), "workspace": "letters"})


@pytest.mark.parametrize("seed", range(4))
async def test_any_order_and_repetition_joins_the_same(stack: Endpoints, seed: int) -> None:
    events, outcomes = story(seed), []
    for order in range(4):
        draw = random.Random(100 * seed + order)
        shuffled = draw.sample(events, len(events)) + draw.sample(events, len(events) // 2)
        async with running(stack, "feedback", build_app) as service:
            for name in ("parcels", "letters"):
                spec = {**SPEC, "workspace": name}
                configured = make(WorkspaceConfigured, workspace=name, revision=1, spec=spec, digest="d", by="us")
                await service.tables.put(configured)
            while shuffled:
                size = draw.choice([1, 3, 10, 40])
                part, shuffled = shuffled[:size], shuffled[size:]
                await service.deliver(part)
            outcomes.append((await joined(service), await recorded(service)))
    assert len(outcomes[0][1]) > 20
    assert all(outcome == outcomes[0] for outcome in outcomes)


async def test_both_sides_at_once_lose_no_pair(feedback: Running) -> None:
    """Predictions and feedback of the same requests race on several connections."""
    draw = random.Random(5)
    answers = [served(number, arm) for number in range(60) for arm in ("production", "shadow")]
    given = [
        said(request_id=f"q-{number}") if number % 2 else said(prediction_id=f"p-{number}-shadow")
        for number in range(60)
    ]
    draw.shuffle(answers)
    draw.shuffle(given)
    parts: list[Sequence[Event]] = [answers[start : start + 8] for start in range(0, 120, 8)]
    parts += [given[start : start + 4] for start in range(0, 60, 4)]
    draw.shuffle(parts)
    await asyncio.gather(*(patiently(feedback, part) for part in parts))
    assert len(await joined(feedback)) == len(await recorded(feedback)) == 120


async def patiently(service: Running, part: Sequence[Event]) -> None:
    """A batch in a transaction of its own; what was unavailable is tried again, as the consumer does."""
    intake = next(each for each in service.service.intakes if each.handler.event is type(part[0]))
    for _ in range(50):
        try:
            async with service.db.transaction(emits=intake.handler.emits) as tx:
                await intake.handler(part, tx)
            return
        except Unavailable:
            await asyncio.sleep(0.02)
    raise AssertionError("never available")


async def test_feedback_for_nothing_waits_and_then_is_a_dead_letter_that_can_be_replayed(feedback: Running) -> None:
    await feedback.deliver([said(request_id="q-9", kind="edit", value="call joe@example.com", actor="joe")])
    feedback.clock.advance(30)
    await feedback.work("expire")
    assert not await feedback.dead_letters()
    feedback.clock.advance(40)
    await feedback.work("expire")
    assert len(await feedback.dead_letters()) == 1
    await feedback.deliver([served(9)])
    assert not await feedback.emitted(FeedbackRecorded)
    async with feedback.http() as client:
        (letter,) = (await client.get("/v1/dead-letters")).json()
        shown = (await client.get(f"/v1/dead-letters/{letter['id']}")).json()
        assert "joe" not in json.dumps(shown)
        assert (await client.post(f"/v1/dead-letters/{letter['id']}/replay", params={"by": "ada"})).status_code < 300
    (event,) = await feedback.emitted(FeedbackRecorded)
    assert event.value == "call [EMAIL]"


async def test_no_personal_data_reaches_a_table_or_topic(feedback: Running) -> None:
    await feedback.deliver([served(1), said(request_id="q-1", kind="edit", value="joe@example.com", actor="joe smith")])
    async with feedback.http() as client:
        posted = {"workspace": "parcels", "kind": "edit", "value": "jane@example.com", "source": "agent"}
        assert (await client.post("/v1/feedback", json={**posted, "request_id": "q-1"})).status_code == 202
    everything = json.dumps(await feedback.snapshot())
    assert "example.com" not in everything and "joe" not in everything


async def test_bad_feedback_is_a_dead_letter_and_its_neighbours_join(feedback: Running) -> None:
    await feedback.deliver([served(1)])
    await feedback.deliver(
        [
            said(request_id="q-1"),
            said(request_id="q-1", workspace="nowhere"),
            said(request_id="q" * 300),
            said(request_id="q-1", value="lost"),
        ]
    )
    assert len(await feedback.dead_letters()) == 2
    assert len(await feedback.emitted(FeedbackRecorded)) == 2


async def test_posted_feedback_counts_once_by_its_id(feedback: Running) -> None:
    await feedback.deliver([served(1), served(2)])
    one = {"id": "ticket-1", "workspace": "parcels", "kind": "label", "value": "late", "source": "agent"}
    async with feedback.http() as client:
        answers = [await client.post("/v1/feedback", json={**one, "request_id": "q-1"}) for _ in range(2)]
        many = [{**one, "id": f"ticket-{number}", "request_id": "q-2"} for number in (2, 3, 2)]
        answers.append(await client.post("/v1/feedback", json=many))
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert answers[0].json() == answers[1].json()
    assert len(await feedback.emitted(FeedbackRecorded)) == 3


async def test_a_person_can_see_what_became_of_a_feedback(feedback: Running) -> None:
    await feedback.deliver(
        [said(request_id="q-1"), said(request_id="q-2"), said(prediction_id="p-1-shadow", kind="edit")]
    )
    await feedback.deliver([served(1), served(1, "shadow")])
    shown = {}
    async with feedback.http() as client:
        for request in ("q-1", "q-2", "q-3"):
            asked = {"workspace": "parcels", "request_id": request}
            shown[request] = (await client.get("/v1/feedback", params=asked)).json()["feedback"]
    assert sorted(one["predictions"] for one in shown["q-1"]) == [["p-1-production", "p-1-shadow"], ["p-1-shadow"]]
    assert [one["predictions"] for one in shown["q-2"]] == [[]]
    assert shown["q-2"][0]["waits_until"].startswith("2026-01-05T09:01:00")
    assert shown["q-3"] == []


@pytest.mark.parametrize(
    ("change", "status", "names"),
    [
        ({"value": 7}, 422, "value"),
        ({"kind": "rating", "value": float("nan")}, 422, "value: expected a finite number"),
        ({"value": ["late"]}, 422, "value"),
        ({"kind": "rating", "value": 3}, 422, "rating"),
        ({"labell": "late"}, 422, "labell"),
        ({"request_id": None}, 422, "request_id"),
        ({"workspace": "nowhere"}, 404, "nowhere"),
        ({"time": "yesterday"}, 422, "time"),
        ({"time": "0001-01-01T00:00:00+14:00"}, 422, "time"),
    ],
)
async def test_bad_posts_are_told_what_is_wrong(
    feedback: Running, change: dict[str, Any], status: int, names: str
) -> None:
    good = {"workspace": "parcels", "kind": "label", "value": "late", "source": "agent", "request_id": "q-1"}
    async with feedback.http() as client:
        body = json.dumps([good, {**good, **change}])  # as a client writes it that does not mind NaN
        answer = await client.post("/v1/feedback", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert names in answer.json()["error"]["message"]
    assert not (await feedback.snapshot())["feedback"]


async def test_quality_is_of_labels_that_may_judge_and_of_the_last_word(feedback: Running) -> None:
    await feedback.deliver([served(number) for number in range(40)])
    first = said(request_id="q-0", value="lost")
    judging = [said(request_id=f"q-{number}", value="late" if number % 4 else "lost") for number in range(1, 30)]
    correction = said(request_id="q-0", value="late", supersedes=str(first.id))
    others = [said(request_id="q-31", value="lost", basis="shown"), said(request_id="q-32", value="lost", source="x")]
    await feedback.deliver([correction, *judging, first, *others])
    async with feedback.http() as client:
        answer = (await client.get("/v1/quality", params={"workspace": "parcels"})).json()
    (only,) = answer["versions"]
    assert (only["version"], only["arm"], only["n"], only["correct"]) == ("v1", "production", 30, 23)
    assert only["low"] < only["accuracy"] < only["high"]
    assert [point["n"] for point in only["series"]] == [10, 10, 10]


async def test_quality_looks_at_the_last_labels_of_each_arm(feedback: Running) -> None:
    answers = [served(number) for number in range(30)] + [served(number, "shadow") for number in range(5)]
    await feedback.deliver([*answers, *(said(request_id=f"q-{number}") for number in range(30))])
    async with feedback.http() as client:
        answer = (await client.get("/v1/quality", params={"workspace": "parcels", "last": 20})).json()
    assert {(one["arm"], one["n"], one["accuracy"]) for one in answer["versions"]} == {
        ("production", 20, 1.0),
        ("shadow", 5, 0.0),
    }


async def test_a_drift_puts_answers_up_for_labelling_until_they_have_a_label(feedback: Running) -> None:
    await feedback.deliver([served(number) for number in range(100)])
    await feedback.deliver([said(request_id=f"q-{number}") for number in range(50, 55)])
    drift = make(
        DriftDetected,
        at=START + timedelta(seconds=100),
        lane=0,
        version="v1",
        monitor="confidence",
        detector="adwin",
        statistic=0.2,
        before=0.9,
        after=0.7,
        change_point=START + timedelta(seconds=50),
        predictions=100,
        since_change=50,
    )
    await feedback.deliver([drift])
    assert await feedback.work("annotate") == 0
    feedback.clock.advance(10)
    await feedback.work("annotate")
    async with feedback.http() as client:
        asked = (await client.get("/v1/annotations", params={"workspace": "parcels"})).json()["annotations"]
        assert len(asked) == 15
        uncertain = [one for one in asked if one["reason"] == "uncertain"]
        uniform = [one for one in asked if one["reason"] == "uniform"]
        assert (len(uncertain), len(uniform)) == (10, 5)
        assert max(one["probability"] for one in uncertain) <= 0.3
        assert {round(one["inclusion"], 6) for one in uniform} == {round(5 / 35, 6)}
        assert not {one["request_id"] for one in asked} & {f"q-{number}" for number in range(55)}
        await feedback.deliver([said(request_id=asked[0]["request_id"])])
        left = (await client.get("/v1/annotations", params={"workspace": "parcels"})).json()["annotations"]
    assert [one["prediction_id"] for one in left] == [one["prediction_id"] for one in asked[1:]]


async def test_old_rows_are_forgotten(feedback: Running) -> None:
    await feedback.deliver([served(1), said(request_id="q-1")])
    feedback.clock.advance(40 * 365 * 86400)
    assert await feedback.work("forget") == 1
    left = await feedback.snapshot()
    assert not any(left[table] for table in ("requests", "predictions", "feedback", "joined"))


GONE = "p-" + "0" * 32
OTHER = "p-" + "1" * 32


async def erase(feedback: Running, at: int) -> ErasureConfirmed:
    known = START + at * timedelta(seconds=1)
    await feedback.deliver([make(SubjectErased, at=known, erasure=f"e-{at}", subject=GONE)])
    await feedback.work()
    return (await feedback.emitted(ErasureConfirmed))[-1]


async def test_a_persons_answers_and_words_go_and_the_others_stay(feedback: Running) -> None:
    await feedback.deliver([served(n, unit=GONE if n < 3 else OTHER) for n in range(6)])
    await feedback.deliver([said(request_id=f"q-{n}") for n in range(6)])
    await feedback.deliver([said(kind="rating", value=-1.0, prediction_id="p-5-production", actor=GONE)])
    confirmed = await erase(feedback, at=10)
    assert (confirmed.service, confirmed.erased) == ("feedback", {"predictions": 3, "feedback": 4})
    async with feedback.db.reading() as tx:
        assert {row["unit"] for row in await tx.fetch("SELECT unit FROM predictions")} == {OTHER}
        assert await tx.fetchval("SELECT count(*) FROM feedback") == 3
        assert await tx.fetchval("SELECT count(*) FROM joined") == 3


async def test_dead_letters_that_name_the_person_go(feedback: Running) -> None:
    await feedback.deliver([served(n, unit=unit, version="v" * 300) for n, unit in enumerate((GONE, OTHER))])
    assert len(await feedback.dead_letters()) == 2
    assert (await erase(feedback, at=10)).erased == {"dead_letters": 1}
    assert len(await feedback.dead_letters()) == 1


async def test_what_was_known_before_an_erasure_and_comes_after_is_not_kept(feedback: Running) -> None:
    confirmed = await erase(feedback, at=10)
    assert confirmed.erased == {}
    await feedback.deliver([served(9, unit=GONE), served(11, unit=GONE), served(9, arm="canary", unit=OTHER)])
    await feedback.deliver([said(request_id="q-11", actor=GONE)])
    async with feedback.db.reading() as tx:
        kept = await tx.fetch("SELECT prediction_id FROM predictions ORDER BY 1")
        assert [row["prediction_id"] for row in kept] == ["p-11-production", "p-9-canary"]
        assert await tx.fetchval("SELECT count(*) FROM feedback") == 0


async def test_an_erasure_in_many_steps_is_counted_whole_and_confirmed_once(
    feedback: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("millrace.chassis.erasure.STEP", 2)
    await feedback.deliver([served(n, unit=GONE) for n in range(7)])
    assert (await erase(feedback, at=10)).erased == {"predictions": 7}
    assert len(await feedback.emitted(ErasureConfirmed)) == 1
