"""Ingestion on real Postgres: what is accepted, rejected, masked, counted, and what comes twice."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from harness import START, Running, make, record, running

from millrace.events import (
    DocumentAccepted,
    DocumentRejected,
    DocumentSubmitted,
    InteractionLogged,
    ObservationAccepted,
    ObservationRejected,
    ObservationSubmitted,
    WorkspaceConfigured,
)
from millrace.ingestion.app import build_app
from millrace.stack import Endpoints
from millrace.workspace import Workspace, load

PERSONAL = "It is late, write to joe@example.com or call 0171 1234567, card 4111 1111 1111 1111"
BATCH = {"content-type": "application/cloudevents-batch+json"}


def configured(name: str, **data: Any) -> WorkspaceConfigured:
    text = f"workspace: {name}\nowner: team\ntask: classify\nlabels: {{names: [late, lost]}}\n"
    spec: Workspace = load(text + f"data: {json.dumps({'languages': ['en'], **data})}")
    return make(WorkspaceConfigured, workspace=name, revision=1, spec=spec.plain(), digest=spec.digest(), by="ada")


@pytest.fixture
async def ingestion(stack: Endpoints) -> AsyncIterator[Running]:
    async with running(stack, "ingestion", build_app) as service:
        await service.tables.put(configured("parcels", trusted=["crm"], retired=["old"]), configured("claims"))
        yield service


def submitted(text: str = "My parcel is a week late", **fields: Any) -> DocumentSubmitted:
    return make(DocumentSubmitted, **{"source": "crm", "text": text, "metadata": {}, **fields})


def event(number: int, **data: Any) -> dict[str, Any]:
    body = {"workspace": "parcels", "source": "crm", "text": f"My parcel {number} is a week late", **data}
    return {"specversion": "1.0", "id": f"e-{number}", "source": "shop", "type": "document.submitted.v1", "data": body}


async def post(service: Running, events: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
    async with service.http() as client:
        answer = await client.post("/v1/events", content=json.dumps(events), headers=BATCH)
    return answer.status_code, answer.json()


async def get(service: Running, path: str) -> Any:
    async with service.http() as client:
        return (await client.get(path)).json()


async def everything_stored(service: Running) -> str:
    """All tables of the schema and the bodies waiting for the relay, as text."""
    shot = await service.snapshot()
    async with service.db.reading() as tx:
        bodies = [bytes(row["body"]).decode() for row in await tx.fetch("SELECT body FROM outbox")]
    return repr(shot) + repr(bodies)


async def test_a_good_document_is_accepted_with_where_it_came_from(ingestion: Running) -> None:
    await ingestion.deliver([submitted(label="late", subject="customer-17", document_id="d-1")])
    (accepted,) = await ingestion.emitted(DocumentAccepted)
    assert (accepted.label, accepted.language, accepted.trusted) == ("late", "en", True)
    assert (accepted.origin.topic, accepted.origin.offset) == ("document.submitted.v1", 0)
    assert accepted.subject
    assert accepted.subject != "17"
    assert UUID(accepted.document_id)


async def test_a_redelivered_batch_counts_once(ingestion: Running) -> None:
    batch = [submitted(f"My parcel {n} is late", document_id=str(n)) for n in range(50)]
    batch += [submitted("", document_id="empty"), submitted(PERSONAL, document_id="p")]
    await ingestion.deliver(batch)
    once = await ingestion.snapshot()
    await ingestion.deliver(batch, again=True)
    assert await ingestion.snapshot() == once
    await ingestion.deliver(batch)
    after = await ingestion.snapshot()
    assert {table: after[table] for table in ("counts", "sources", "quarantine", "outbox")} == {
        table: once[table] for table in ("counts", "sources", "quarantine", "outbox")
    }


async def test_nothing_personal_is_written_on_any_path(ingestion: Running) -> None:
    await ingestion.deliver(
        [
            submitted(PERSONAL, metadata={"from": "joe@example.com"}, subject="joe@example.com", label="0171 1234567"),
            submitted(f"{PERSONAL} ¿Dónde está? asdf", source="old"),
            make(InteractionLogged, source="chat", input=PERSONAL, output=PERSONAL, metadata={}),
            make(ObservationSubmitted, source="m", entity="joe@example.com", values={"note": PERSONAL}),
            make(ObservationSubmitted, source="old", entity="joe@example.com", values={"note": PERSONAL}),
        ]
    )
    await post(ingestion, [event(1, text=PERSONAL), event(2, text=PERSONAL, source="old"), event(3, text=[PERSONAL])])
    stored = await everything_stored(ingestion)
    assert "[EMAIL]" in stored
    for trace in ("joe@example.com", "0171 1234567", "4111 1111"):
        assert trace not in stored


async def test_rejections_carry_reasons_and_never_the_text(ingestion: Running) -> None:
    await ingestion.deliver(
        [submitted("asdfghjkl qwrtzp xcvbn"), submitted("Wo ist denn mein Paket geblieben?"), submitted("")]
    )
    rejected = await ingestion.emitted(DocumentRejected)
    assert [[reason.code for reason in one.reasons] for one in rejected] == [["gibberish"], ["language"], ["empty"]]
    assert "Paket" not in repr(rejected)
    shown = await get(ingestion, "/v1/quarantine?workspace=parcels&reason=language")
    assert [one["masked_text"] for one in shown] == ["Wo ist denn mein Paket geblieben?"]
    assert await get(ingestion, "/v1/quarantine?workspace=claims") == []


async def test_counts_are_right_by_workspace_and_source(ingestion: Running) -> None:
    await ingestion.deliver(
        [
            *(submitted(f"My parcel {n} is late") for n in range(5)),
            submitted(PERSONAL),
            submitted("write to ann@example.com and bob@example.com please", source="mail"),
            submitted(""),
            submitted("Where is it then?", source="old", suite="silver"),
            submitted("Where is my claim?", workspace="claims"),
        ]
    )
    counts = await get(ingestion, "/v1/counts?workspace=parcels")
    assert (counts["submitted"], counts["accepted"], counts["rejected"]) == (9, 7, 2)
    assert counts["masked"] == {"email": 3, "phone": 1, "card": 1}
    assert counts["reasons"] == {"empty": 1, "retired_source": 1, "suite": 1}
    sources = {row["source"]: row for row in await get(ingestion, "/v1/sources?workspace=parcels")}
    assert (sources["crm"]["submitted"], sources["crm"]["rejected"], sources["crm"]["trusted"]) == (7, 1, True)
    assert sources["old"]["retired"]
    assert (await get(ingestion, "/v1/counts?workspace=claims"))["submitted"] == 1


async def test_an_unknown_workspace_is_a_dead_letter_and_its_neighbours_are_unharmed(ingestion: Running) -> None:
    await ingestion.deliver([submitted(), submitted(workspace="parcls"), submitted("Where is it?")])
    assert len(await ingestion.emitted(DocumentAccepted)) == 2
    (reason,) = await ingestion.dead_letters()
    assert "no workspace 'parcls'" in reason


async def test_unreadable_records_are_dead_letters_and_their_neighbours_are_unharmed(ingestion: Running) -> None:
    good = record(submitted(), partition=0, offset=3)
    bodies = [b"{", b"\xff", b'{"workspace": "parcels", "source": "crm", "text": 5}', b"", b"[1]"]
    bad = [good.__class__(good.topic, 0, n, good.timestamp, None, body, [("x", None)]) for n, body in enumerate(bodies)]
    nan = b'{"workspace":"parcels","source":"m","entity":"e","values":{"load":NaN}}'
    values = good.__class__("observation.submitted.v1", 0, 0, good.timestamp, None, nan, [])
    good = record(submitted(), partition=0, offset=len(bad))
    await ingestion.deliver_records([*bad, good, values])
    assert len(await ingestion.emitted(DocumentAccepted)) == 1
    assert len(await ingestion.dead_letters()) == len(bad) + 1
    assert not await ingestion.emitted(ObservationAccepted)


async def test_text_that_postgres_could_not_hold_is_cleaned(ingestion: Running) -> None:
    nul = "\x00"
    await ingestion.deliver(
        [
            submitted(f"My parcel{nul} is a week late and nobody answers", label=f"la{nul}te", source=f"crm{nul}"),
            submitted(source=nul, document_id=nul, subject=nul, metadata={nul: nul}, suite=nul),
            make(ObservationSubmitted, source=f"m{nul}", entity=f"e{nul}", values={f"k{nul}": f"v{nul}"}),
        ]
    )
    (accepted,) = await ingestion.emitted(DocumentAccepted)
    assert (accepted.label, accepted.source) == ("late", "crm")
    assert nul not in await everything_stored(ingestion)


async def test_observations_go_to_their_entitys_lane(ingestion: Running) -> None:
    await ingestion.deliver(
        [
            make(ObservationSubmitted, source="meters", entity="station-7", values={"load": 3.5}),
            make(ObservationSubmitted, source="meters", entity="station-7", values={}),
        ]
    )
    (accepted,) = await ingestion.emitted(ObservationAccepted)
    (rejected,) = await ingestion.emitted(ObservationRejected)
    assert (accepted.key, accepted.values) == ("parcels/0", {"load": 3.5})
    assert rejected.reasons[0].code == "empty"


async def test_a_workspaces_own_rules_are_all_asked_and_told(ingestion: Running) -> None:
    quality = {
        "limits": {"words": {"min": 5}},
        "deny": ["(?i)unsubscribe"],
        "metadata": {"order": {"type": "integer", "required": True}},
        "values": {"load": {"min": 0, "max": 100}},
    }
    await ingestion.tables.put(configured("parcels", quality=quality))
    await ingestion.deliver(
        [
            submitted("Unsubscribe me please", metadata={"order": "many"}, source=" "),
            submitted("My parcel is a week late", metadata={"order": "17"}),
            make(ObservationSubmitted, source="meters", entity="station-7", values={"load": 100.5}),
            make(ObservationSubmitted, source="meters", entity="station-7", values={"load": 100}),
        ]
    )
    (rejected,) = await ingestion.emitted(DocumentRejected)
    assert [reason.code for reason in rejected.reasons] == ["words", "denied", "field", "source"]
    (kept,) = await get(ingestion, "/v1/quarantine?workspace=parcels&reason=denied")
    assert [reason["code"] for reason in kept["reasons"]] == ["words", "denied", "field", "source"]
    (beyond,) = await ingestion.emitted(ObservationRejected)
    assert (beyond.reasons[0].field, beyond.reasons[0].expected) == ("values.load", "a number, 0 to 100")
    assert len(await ingestion.emitted(DocumentAccepted)) == len(await ingestion.emitted(ObservationAccepted)) == 1


async def test_quarantine_forgets_after_its_days(ingestion: Running) -> None:
    await ingestion.deliver([submitted("")])
    await ingestion.work()
    assert len(await get(ingestion, "/v1/quarantine?workspace=parcels")) == 1
    ingestion.clock.advance(timedelta(days=8, minutes=1).total_seconds())
    assert await ingestion.work("expire") == 1
    assert await get(ingestion, "/v1/quarantine?workspace=parcels") == []


async def test_http_answers_after_the_commit_with_each_records_end(ingestion: Running) -> None:
    status, told = await post(
        ingestion,
        [event(1), event(2, text=""), event(3, workspace="parcls"), {**event(4), "type": "x"}, event(5, label="late")],
    )
    assert status == 202
    outcomes = [(one["id"], one["outcome"]) for one in told["records"]]
    assert outcomes == [
        ("e-1", "accepted"),
        ("e-2", "rejected"),
        ("e-3", "unknown_workspace"),
        ("e-4", "unreadable"),
        ("e-5", "accepted"),
    ]
    assert "did you mean 'parcels'" in told["records"][2]["reasons"][0]["expected"]
    assert told["records"][1]["reasons"][0]["code"] == "empty"
    assert [one.label for one in await ingestion.emitted(DocumentAccepted)] == [None, "late"]
    assert len(await ingestion.emitted(DocumentRejected)) == 1


@pytest.mark.parametrize(
    ("change", "status"),
    [({"text": ""}, 422), ({"workspace": "parcls"}, 404), ({"text": 5}, 400), ({}, 202)],
)
async def test_a_single_events_status_says_what_became_of_it(
    ingestion: Running, change: dict[str, Any], status: int
) -> None:
    assert (await post(ingestion, [event(1, **change)]))[0] == status


async def test_the_same_event_again_is_idempotent_whenever_and_however_it_comes(ingestion: Running) -> None:
    events = [event(1), event(2, text="")]
    await post(ingestion, events)
    once = await ingestion.snapshot()
    status, told = await post(ingestion, events)
    assert status == 202
    assert [one["outcome"] for one in told["records"]] == ["repeated", "rejected"]
    ingestion.clock.advance(86400)
    await post(ingestion, [*events, *events])
    body: dict[str, Any] = {"source": "crm", "text": "My parcel 1 is a week late", "metadata": {}}
    await ingestion.deliver([make(DocumentSubmitted, id=UUID(told["records"][0]["event_id"]), at=START, **body)])
    after = await ingestion.snapshot()
    assert {name: after[name] for name in ("counts", "outbox", "quarantine")} == {
        name: once[name] for name in ("counts", "outbox", "quarantine")
    }


async def test_many_callers_at_once_share_commits_and_each_gets_its_own_answer(ingestion: Running) -> None:
    async with ingestion.http() as client:

        async def call(number: int) -> dict[str, Any]:
            body = event(number % 100, text="" if number % 10 == 0 else f"My parcel {number % 100} is late")
            headers = {"content-type": "application/cloudevents+json"}
            answer = await client.post("/v1/events", content=json.dumps(body), headers=headers)
            record: dict[str, Any] = answer.json()["records"][0]
            return record

        told = await asyncio.gather(*(call(number) for number in range(200)))
    assert {one["outcome"] for number, one in enumerate(told) if number % 10 == 0} == {"rejected"}
    assert {one["outcome"] for number, one in enumerate(told) if number % 10} <= {"accepted", "repeated"}
    assert len(await ingestion.emitted(DocumentAccepted)) == 90
    assert (await get(ingestion, "/v1/counts?workspace=parcels"))["submitted"] == 100


async def test_http_is_told_to_come_back_while_the_outbox_is_behind(ingestion: Running) -> None:
    assert (await post(ingestion, [event(1)]))[0] == 202
    ingestion.db.settings.outbox_ceiling = 0
    await ingestion.db.measure_outbox()
    async with ingestion.http() as client:
        answer = await client.post("/v1/events", content=json.dumps([event(2)]), headers=BATCH)
    assert answer.status_code == 429
    assert float(answer.headers["Retry-After"]) > 0
    ingestion.db.settings.outbox_ceiling = 10
    await ingestion.db.measure_outbox()
    assert (await post(ingestion, [event(2)]))[0] == 202


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", BATCH, 400),
        (b"{}", {"content-type": "text/plain"}, 400),
        (b"[" + b" " * 9_000_000 + b"]", BATCH, 413),
        (b"[]", BATCH, 202),
    ],
)
async def test_a_request_without_events_is_told_what_was_expected(
    ingestion: Running, content: bytes, headers: dict[str, str], status: int
) -> None:
    async with ingestion.http() as client:
        answer = await client.post("/v1/events", content=content, headers=headers)
    assert answer.status_code == status, answer.text


async def test_questions_about_an_unknown_workspace_are_404(ingestion: Running) -> None:
    async with ingestion.http() as client:
        for path in ("counts", "quarantine", "sources"):
            assert (await client.get(f"/v1/{path}?workspace=parcls")).status_code == 404


async def test_a_page_of_quarantine_goes_on_where_the_last_ended(ingestion: Running) -> None:
    for _ in range(3):
        await ingestion.deliver([submitted("", document_id=str(uuid4()))])
        ingestion.clock.advance(1)
    first = await get(ingestion, "/v1/quarantine?workspace=parcels&limit=2")
    before = first[-1]["rejected_at"].replace("+", "%2B")
    rest = await get(ingestion, f"/v1/quarantine?workspace=parcels&before={before}")
    assert len({one["event_id"] for one in [*first, *rest]}) == 3
