"""Approvals, holds and notes as people ask for them over HTTP, with and without a proxy that signs them in."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from deeds import FILE, PERSON, apply, as_person, candidate, confirm, get, judge, post
from harness import Running, running

from millrace.events import LedgerAppended, ModelStaged
from millrace.registry.app import build_app

FOUR_EYES = FILE.replace("rollout: {", "rollout: {shadow: null, approval: four-eyes, ").replace(
    "canary: {shares: [0.2, 0.5]}", "canary: null"
)


@pytest.fixture
async def registry(stack) -> AsyncIterator[Running]:
    """Behind a proxy that signs people in."""
    async with running(stack, "registry", build_app, person_header=PERSON) as service:
        await apply(service, FOUR_EYES, signed_in="ada")
        yield service


async def told(registry: Running, kind: str) -> list[tuple[str, str]]:
    entries = await get(registry, "/parcels/ledger")
    return [(one["by"], one["reason"]) for one in reversed(entries) if one["kind"] == kind]


async def test_a_version_takes_production_when_somebody_else_than_who_had_it_trained_says_yes(
    registry: Running,
) -> None:
    await judge(registry, await candidate(registry, "run-1", asked_by="ada"))
    assert (await get(registry, "/parcels"))["rollout"]["awaiting"] is True
    asked: dict[str, Any] = {"version": "parcels-1", "revision": 0, "by": "ben"}
    refused = await post(registry, "approve", 409, signed_in="ada", **asked)
    assert refused["error"]["code"] == "same_person" and "ada had it trained" in refused["error"]["message"]
    assert refused["error"]["by"] == "ada", "whoever is signed in, not whom the body names"
    moved = await post(registry, "approve", signed_in="ben", reason="", **asked)
    assert moved["moved"] == {"parcels-1": "production"} and moved["production"] == "parcels-1"
    assert [event.by for event in await registry.emitted(ModelStaged)] == ["ben"]
    assert ("ben", "approved by ben") in await told(registry, "staged")


async def test_a_promotion_by_hand_is_asked_for_by_one_and_approved_by_another(registry: Running) -> None:
    await judge(registry, await candidate(registry, "run-1"), "fail")
    asked: dict[str, Any] = {"version": "parcels-1", "revision": 0}
    waits = await post(registry, "promote", signed_in="ada", reason="we know better", **asked)
    assert (waits["moved"], waits["awaiting"]) == ({}, "parcels-1")
    assert (await get(registry, "/parcels"))["request"] == {
        "version": "parcels-1",
        "by": "ada",
        "reason": "we know better",
    }
    assert (await post(registry, "approve", 409, signed_in="ADA", **asked))["error"]["code"] == "same_person"
    moved = await post(registry, "approve", signed_in="ben", reason="so do I", **asked)
    assert moved["moved"] == {"parcels-1": "production"} and moved["awaiting"] is None
    assert ("ben", "so do I; ada asked: we know better") in await told(registry, "staged")


async def test_nobody_decides_without_being_signed_in(registry: Running) -> None:
    await judge(registry, await candidate(registry, "run-1"))
    for path, body in {
        "promote": {"version": "parcels-1", "revision": 0},
        "approve": {"version": "parcels-1", "revision": 0},
        "rollback": {"revision": 0},
        "versions/parcels-1/hold": {"reason": "wait"},
        "versions/parcels-1/release": {},
        "versions/parcels-1/notes": {"text": "hello"},
        "versions/parcels-1/sign": {},
    }.items():
        refused = await post(registry, path, 401, by="ben", **body)
        assert refused["error"]["code"] == "not_signed_in" and PERSON in refused["error"]["message"]
    assert (await apply(registry, FILE, of=401))["error"]["code"] == "not_signed_in"


async def test_a_held_version_stays_where_it_is_and_says_who_holds_it_and_why(registry: Running) -> None:
    version = await candidate(registry, "run-1")
    await post(registry, f"versions/{version}/hold", signed_in="ada", reason="not before the holidays")
    await judge(registry, version)
    (shown,) = await get(registry, "/parcels/versions")
    assert (shown["stage"], shown["hold"]) == ("registered", {"by": "ada", "reason": "not before the holidays"})
    refused = await post(registry, "promote", 409, signed_in="ben", version=version, revision=0)
    assert refused["error"]["code"] == "version_held"
    assert "held by ada (not before the holidays)" in refused["error"]["message"]
    released = await post(registry, f"versions/{version}/release", signed_in="ben", reason="")
    assert released["awaiting"] == version, "it goes on from where it was stopped"
    assert await told(registry, "release") == [("ben", "released by ben")]


async def test_a_note_stays_in_the_ledger_under_its_version(registry: Running) -> None:
    version = await candidate(registry, "run-1")
    await post(registry, f"versions/{version}/notes", signed_in="ada", text="tried on last week's tickets")
    newest = (await get(registry, f"/parcels/ledger?version={version}"))[0]
    assert (newest["kind"], newest["by"], newest["reason"]) == ("note", "ada", "tried on last week's tickets")
    assert (await registry.emitted(LedgerAppended))[-1].kind == "note"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("versions/parcels-1/hold", {"by": "ada", "reason": ""}, "reason"),
        ("versions/parcels-1/hold", {"by": "ada"}, "reason"),
        ("versions/parcels-1/notes", {"by": "ada", "text": ""}, "text"),
        ("versions/parcels-1/notes", {"text": "hello"}, "by"),
        ("approve", {"by": "ada", "version": "parcels-1"}, "revision"),
    ],
)
async def test_what_is_missing_is_named(registry: Running, path: str, body: dict[str, Any], field: str) -> None:
    async with registry.http() as client:
        refused = await client.post(f"/v1/workspaces/parcels/{path}", json=body, headers=as_person("ada"))
    assert refused.status_code == 422 and refused.json()["error"]["problems"][0]["field"] == field


async def test_a_production_that_is_signed_anew_is_routed_with_its_new_signature(registry: Running) -> None:
    await apply(registry, FILE, signed_in="ada")
    await judge(registry, await candidate(registry, "run-1"))
    await confirm(registry)
    before = (await get(registry, "/parcels"))["route"]
    await post(registry, "versions/parcels-1/sign", signed_in="ada")
    after = (await get(registry, "/parcels"))["route"]
    assert (before["revision"], after["revision"]) == (1, 2)
    assert after["production"]["signature"] == before["production"]["signature"], "ed25519 has no chance in it"
    assert await told(registry, "signed") == [("ada", f"with key {after['production']['signature']['key']}")]
