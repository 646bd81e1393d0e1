"""Quarantine on real Postgres: what was rejected is listed, shown, released, dropped, judged again by changed rules."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from harness import START, Running, make, running

from millrace.chassis.jobs import Worker
from millrace.events import (
    DocumentAccepted,
    DocumentSubmitted,
    ObservationAccepted,
    ObservationSubmitted,
    WorkspaceConfigured,
)
from millrace.ingestion.app import build_app
from millrace.ingestion.quarantine import STEP, step
from millrace.stack import Endpoints
from millrace.workspace import Workspace, load

PERSONAL = "It is late, write to joe@example.com or call 0171 1234567"
STRICT: dict[str, Any] = {
    "quality": {"limits": {"words": {"min": 5}}, "values": {"load": {"max": 10}}},
    "trusted": ["crm"],
}


def configured(name: str = "parcels", **data: Any) -> WorkspaceConfigured:
    text = f"workspace: {name}\nowner: team\ntask: classify\nlabels: {{names: [late, lost]}}\n"
    spec: Workspace = load(text + f"data: {json.dumps({'languages': ['en'], **data})}")
    return make(WorkspaceConfigured, workspace=name, revision=1, spec=spec.plain(), digest=spec.digest(), by="ada")


@pytest.fixture
async def ingestion(stack: Endpoints) -> AsyncIterator[Running]:
    async with running(stack, "ingestion", build_app) as service:
        await service.tables.put(configured(**STRICT), configured("claims"))
        yield service


def submitted(text: str = "My parcel is late", **fields: Any) -> DocumentSubmitted:
    given: dict[str, Any] = {"source": "crm", "text": text, "metadata": {}, **fields}
    return make(DocumentSubmitted, **given)


async def get(service: Running, path: str) -> Any:
    async with service.http() as client:
        return (await client.get(path)).json()


async def held(service: Running, more: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await get(service, f"/v1/quarantine?workspace=parcels{more}")
    return found


async def post(service: Running, act: str, **asked: Any) -> dict[str, Any]:
    async with service.http() as client:
        answer = await client.post(f"/v1/quarantine/{act}", json={"workspace": "parcels", "by": "ada", **asked})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def test_a_released_document_is_the_one_that_was_submitted(ingestion: Running) -> None:
    given = submitted(label="late", subject="customer-17", document_id="d-1", metadata={"order": "17"})
    await ingestion.deliver([given])
    (row,) = await held(ingestion)
    ingestion.clock.advance(3600)
    told = await post(ingestion, "release", ids=[row["event_id"]])
    assert (told["released"], told["records"][0]["end"]) == (1, "released")
    (accepted,) = await ingestion.emitted(DocumentAccepted)
    assert (accepted.text, accepted.label, accepted.metadata) == ("My parcel is late", "late", {"order": "17"})
    assert (accepted.document_id, accepted.language, accepted.trusted) == (row["document_id"], "en", True)
    assert accepted.released_by == "ada"
    assert accepted.origin.event_id == str(given.id)
    assert (accepted.occurred_at, accepted.known_at) == (START, START)
    await ingestion.tables.put(configured())
    await ingestion.deliver([submitted(label="late", subject="customer-17", document_id="d-1")])
    first, again = await ingestion.emitted(DocumentAccepted)
    assert (first.document_id, first.subject) == (again.document_id, again.subject)


async def test_a_release_has_the_id_that_an_acceptance_at_first_would_have_had(ingestion: Running) -> None:
    given = submitted(id=uuid4())
    await ingestion.deliver([given])
    await post(ingestion, "release", ids=[str(given.id)])
    (accepted,) = await ingestion.emitted(DocumentAccepted)
    fields = {name: getattr(accepted, name) for name in DocumentAccepted.model_fields}
    assert accepted.id == DocumentAccepted.caused_by(given, **fields).id


async def test_a_released_observation_is_known_from_its_release(ingestion: Running) -> None:
    await ingestion.deliver([make(ObservationSubmitted, source="meters", entity="station-7", values={"load": 11.0})])
    (row,) = await held(ingestion)
    ingestion.clock.advance(60)
    await post(ingestion, "release", ids=[row["event_id"]])
    (accepted,) = await ingestion.emitted(ObservationAccepted)
    assert (accepted.entity, accepted.values, accepted.released_by) == ("station-7", {"load": 11.0}, "ada")
    assert accepted.occurred_at == START
    assert accepted.known_at == START + timedelta(seconds=60)


async def test_history_is_taken_once_its_source_is_declared(ingestion: Running) -> None:
    """Until then it is held, with what it says; released by hand it would be something else."""
    text = (
        "workspace: stations\nowner: grid\ntask: tabular\nentity: station\nfeatures: {n: {count: load, over: 1h}}\n"
        "target: {name: load, kind: regression, horizon: 1h, arrives_within: 3h}\n"
    )

    async def declare(revision: int, more: str = "") -> None:
        spec = load(text + more)
        about: dict[str, Any] = {"workspace": "stations", "revision": revision, "digest": spec.digest(), "by": "ada"}
        await ingestion.tables.put(make(WorkspaceConfigured, spec=spec.plain(), **about))

    await declare(1)
    since = START - timedelta(days=300)
    fields: dict[str, Any] = {"source": "archive", "entity": "station-7", "values": {"load": 1.0}}
    told = make(ObservationSubmitted, workspace="stations", at=since, known_at=START, known_since=since, **fields)
    await ingestion.deliver([told])
    (row,) = await get(ingestion, "/v1/quarantine?workspace=stations")
    assert [reason["field"] for reason in row["reasons"]] == ["known_since"]
    released = await post(ingestion, "release", workspace="stations", ids=[str(told.id)])
    assert not await ingestion.emitted(ObservationAccepted), released
    await declare(2, "sources: {archive: {kind: events, history: true}}")
    await post(ingestion, "replay", workspace="stations", ids=[str(told.id)])
    (accepted,) = await ingestion.emitted(ObservationAccepted)
    assert (accepted.known_since, accepted.occurred_at, accepted.known_at) == (since, since, START)


async def test_releasing_twice_at_once_and_after_a_drop_says_who_was_first(ingestion: Running) -> None:
    await ingestion.deliver([submitted(), submitted("Where is it")])
    first, second = (row["event_id"] for row in await held(ingestion))
    told = await asyncio.gather(*(post(ingestion, "release", ids=[first], by=f"p{n}") for n in range(5)))
    assert sum(one["released"] for one in told) == 1
    assert len(await ingestion.emitted(DocumentAccepted)) == 1
    again = await post(ingestion, "release", ids=[first])
    assert (again["released"], again["records"][0]["end"]) == (0, "released")
    assert "released by p" in again["records"][0]["because"]
    await post(ingestion, "drop", ids=[second], by="bob")
    late = await post(ingestion, "release", ids=[second, str(uuid4())])
    assert [one["end"] for one in late["records"]] == ["dropped", "unknown"]
    assert "by bob" in late["records"][0]["because"]
    assert len(await ingestion.emitted(DocumentAccepted)) == 1
    counts = await get(ingestion, "/v1/counts?workspace=parcels")
    assert (counts["rejected"], counts["released"], counts["dropped"]) == (2, 1, 1)


async def test_what_is_dropped_is_emptied_and_what_is_shown_is_masked(ingestion: Running) -> None:
    await ingestion.deliver(
        [
            submitted(
                PERSONAL, source="old source", suite="golden", metadata={"from": "joe@example.com"}, label="x" * 101
            ),
            make(ObservationSubmitted, source="m", entity="joe@example.com", values={"note": PERSONAL, "load": 99}),
        ]
    )
    rows = [await get(ingestion, f"/v1/quarantine/{row['event_id']}") for row in await held(ingestion)]
    document = next(row for row in rows if row["document_id"])
    assert document["record"]["metadata"] == {"from": "[EMAIL]"}
    assert [reason["code"] for reason in document["reasons"]] == ["label", "untrusted_suite"]
    stored = repr(await ingestion.snapshot())
    assert "[PHONE]" in stored
    assert "joe@example.com" not in stored
    assert "1234567" not in stored
    await post(ingestion, "drop", all=True)
    assert "[PHONE]" not in repr((await ingestion.snapshot())["quarantine"])
    assert await held(ingestion) == []
    assert len(await held(ingestion, "&state=dropped")) == 2


async def test_what_is_not_whole_or_declared_otherwise_is_not_released(ingestion: Running) -> None:
    await ingestion.deliver(
        [
            submitted(""),
            submitted("word " * 5000),
            submitted("My parcel is a week late", suite="golden"),
            submitted(metadata={"k": "x" * 3000}),
            submitted("Where is it"),
        ]
    )
    told = await post(ingestion, "release", all=True)
    assert (told["released"], told["refused"]) == (1, 4)
    assert all("can't be set aside" in one["because"] for one in told["records"])
    assert len(await held(ingestion)) == 4


async def test_lists_are_filtered_and_paged_over_records_of_one_moment(ingestion: Running) -> None:
    await ingestion.deliver(
        [
            *(submitted(document_id=str(n)) for n in range(7)),
            submitted(source="mail"),
            submitted("Wo ist denn mein Paket geblieben?"),
            make(ObservationSubmitted, source="m", entity="e", values={"load": 11.0}),
        ]
    )
    seen: list[str] = []
    while page := await held(ingestion, f"&limit=3{f'&after={seen[-1]}' if seen else ''}"):
        seen += [row["event_id"] for row in page]
    assert len(seen) == len(set(seen)) == 10
    for query, number in (
        ("source=mail", 1),
        ("reason=language", 1),
        ("reason=words", 8),
        ("topic=observation.submitted.v1", 1),
    ):
        assert len(await held(ingestion, f"&{query}")) == number, query
    async with ingestion.http() as client:
        assert (await client.get(f"/v1/quarantine?workspace=parcels&after={uuid4()}")).status_code == 404
        assert (await client.get(f"/v1/quarantine/{uuid4()}")).status_code == 404


async def test_a_changed_rule_is_replayed_and_the_rest_keep_its_reasons(ingestion: Running) -> None:
    await ingestion.deliver(
        [submitted("My parcel is late"), submitted("Where"), submitted("Wo ist mein Paket denn jetzt")]
    )
    await ingestion.tables.put(configured(quality={"limits": {"characters": {"min": 10}}}))
    told = await post(ingestion, "replay", all=True)
    assert (told["released"], told["kept"]) == (1, 2)
    (accepted,) = await ingestion.emitted(DocumentAccepted)
    assert (accepted.text, accepted.released_by) == ("My parcel is late", None)
    assert sorted(row["reasons"][0]["code"] for row in await held(ingestion)) == ["characters", "language"]
    assert (await post(ingestion, "replay", all=True))["kept"] == 2


async def test_personal_data_refused_is_kept_masked_and_let_in_when_the_policy_changes(ingestion: Running) -> None:
    await ingestion.tables.put(configured(pii="reject", national_ids=True))
    given = submitted("My DNI is 12345678Z, write to joe@example.com", metadata={"call": "0171 1234567"})
    await ingestion.deliver([given, submitted("My parcel is a week late")])
    (row,) = await held(ingestion)
    assert [reason["code"] for reason in row["reasons"]] == ["pii_email", "pii_national_id", "pii_phone"]
    assert len(await ingestion.emitted(DocumentAccepted)) == 1
    await ingestion.tables.put(configured())
    assert (await post(ingestion, "replay", reason="pii_email"))["released"] == 1
    *_, accepted = await ingestion.emitted(DocumentAccepted)
    assert accepted.text == "My DNI is [NATIONAL_ID], write to [EMAIL]"
    assert accepted.metadata == {"call": "[PHONE]"}
    assert accepted.masked == {"email": 1, "national_id": 1, "phone": 1}
    stored = repr(await ingestion.snapshot())
    assert "joe@example.com" not in stored
    assert "12345678" not in stored


async def test_pseudonyms_join_the_rows_of_a_workspace_and_no_others(ingestion: Running) -> None:
    await ingestion.tables.put(configured(pii="pseudonymise"), configured("claims", pii="pseudonymise"))
    await ingestion.deliver(
        [
            submitted("Please write to Joe@example.com about it"),
            submitted("Please write to joe@example.com about it", source="mail"),
            submitted("Please write to joe@example.com about it", workspace="claims"),
        ]
    )
    first, second, other = (one.text for one in await ingestion.emitted(DocumentAccepted))
    assert first == second != other
    assert "[EMAIL:" in first
    assert "joe@example.com" not in repr(await ingestion.snapshot())


async def test_many_are_settled_by_a_job_in_steps_and_what_came_later_is_left(ingestion: Running) -> None:
    many = 2 * STEP + 50
    await ingestion.deliver([submitted(document_id=str(n)) for n in range(many)])
    told = await post(ingestion, "release", reason="words")
    assert (told["released"], told["left"]) == (STEP, many - STEP)
    assert told["job"]
    ingestion.clock.advance(5)
    await ingestion.deliver([submitted(document_id="later")])
    assert await ingestion.work("quarantine") == 1
    accepted = await ingestion.emitted(DocumentAccepted)
    assert len({one.id for one in accepted}) == len(accepted) == many
    assert len(await held(ingestion)) == 1


async def test_a_job_that_dies_midway_goes_on_and_says_nothing_twice(
    ingestion: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = 2 * STEP + 50
    await ingestion.deliver([submitted(document_id=str(n)) for n in range(many)])
    await post(ingestion, "release", all=True)
    steps = 0

    async def dying(*args: Any, **more: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps == 2:
            raise ConnectionResetError("the worker is gone")
        return await step(*args, **more)

    monkeypatch.setattr("millrace.ingestion.job_quarantine.step", dying)
    (work,) = [one for one in ingestion.service.jobs if one.kind == "quarantine"]
    worker = Worker(work, ingestion.db)
    await worker.once()
    assert len(await ingestion.emitted(DocumentAccepted)) == 2 * STEP
    ingestion.clock.advance(60)
    await ingestion.work("quarantine")
    accepted = await ingestion.emitted(DocumentAccepted)
    assert len({one.id for one in accepted}) == len(accepted) == many


async def test_a_released_event_sent_again_is_repeated_and_quarantine_forgets_all_states(ingestion: Running) -> None:
    body = {"workspace": "parcels", "source": "crm", "text": "My parcel is late"}
    event = {"specversion": "1.0", "id": "h-1", "source": "shop", "type": "document.submitted.v1", "data": body}

    async def outcome() -> tuple[str, str]:
        async with ingestion.http() as client:
            answer = await client.post(
                "/v1/events", content=json.dumps(event), headers={"content-type": "application/cloudevents+json"}
            )
        told = answer.json()["records"][0]
        return told["outcome"], told["event_id"]

    assert (await outcome())[0] == "rejected"
    again, event_id = await outcome()
    assert again == "rejected"
    await post(ingestion, "release", ids=[event_id])
    assert (await outcome())[0] == "repeated"
    ingestion.clock.advance(timedelta(days=8, minutes=1).total_seconds())
    await ingestion.work("expire")
    assert (await ingestion.snapshot())["quarantine"] == []


async def test_records_of_a_release_that_kept_none_can_only_be_dropped(ingestion: Running) -> None:
    await ingestion.deliver([submitted()])
    (row,) = await held(ingestion)
    async with ingestion.db.transaction() as tx:
        await tx.execute(
            "UPDATE quarantine SET record = NULL, origin = NULL, occurred_at = NULL, known_at = NULL",
        )
    for act in ("release", "replay"):
        told = await post(ingestion, act, ids=[row["event_id"]])
        assert (told["released"], told["refused"]) == (0, 1)
    assert (await post(ingestion, "drop", ids=[row["event_id"]]))["dropped"] == 1


@pytest.mark.parametrize(
    ("act", "asked", "status"),
    [
        ("release", {}, 422),
        ("release", {"all": True, "by": ""}, 422),
        ("release", {"ids": []}, 422),
        ("release", {"ids": ["00000000-0000-0000-0000-000000000007"], "all": True}, 422),
        ("burn", {"all": True}, 422),
        ("drop", {"all": True, "resaon": "words"}, 422),
        ("drop", {"all": True, "workspace": "parcls"}, 404),
    ],
)
async def test_an_act_that_names_nothing_or_something_unknown_is_refused(
    ingestion: Running, act: str, asked: dict[str, Any], status: int
) -> None:
    async with ingestion.http() as client:
        answer = await client.post(f"/v1/quarantine/{act}", json={"workspace": "parcels", "by": "ada", **asked})
    assert answer.status_code == status, answer.text
    if "resaon" in asked:
        assert "resaon" in answer.text


async def test_another_workspaces_records_are_out_of_reach(ingestion: Running) -> None:
    await ingestion.deliver([submitted()])
    (row,) = await held(ingestion)
    told = await post(ingestion, "release", ids=[row["event_id"]], workspace="claims")
    assert told["records"][0]["end"] == "unknown"
    assert await ingestion.emitted(DocumentAccepted) == []
