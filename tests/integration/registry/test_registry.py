"""Registry on real Postgres and S3: events in, routes and stages out, and what people ask of it."""

import json
from collections.abc import AsyncIterator

import pytest
from deeds import CYCLE, FILE, apply, candidate, confirm, get, judge, post, rollout, route, trained
from harness import SIGNER, Running, make, running

from millrace.chassis import Blobs
from millrace.chassis.signatures import Trust
from millrace.events import (
    ErasureConfirmed,
    EvaluationRequested,
    ModelRegistered,
    ModelStaged,
    TrainingFailed,
    WorkspaceConfigured,
    WorkspaceRouted,
)
from millrace.registry.app import build_app


@pytest.fixture
async def registry(stack) -> AsyncIterator[Running]:
    async with running(stack, "registry", build_app) as service:
        await apply(service, FILE)
        yield service


async def test_a_file_becomes_a_revision_and_the_same_meaning_none(registry: Running) -> None:
    again = await apply(registry, FILE.replace("[late, lost, damaged]", "[ late,  lost, damaged ]"))
    assert (again["revision"], again["changed"]) == (1, False)
    changed = await apply(registry, FILE.replace("damaged]", "damaged, customs]"))
    assert (changed["revision"], changed["changed"]) == (2, True)
    configured = await registry.emitted(WorkspaceConfigured)
    assert [event.revision for event in configured] == [1, 2] and configured[1].by == "ada"
    assert [event.route.revision for event in await registry.emitted(WorkspaceRouted)] == [0]


async def test_a_typo_in_the_file_is_answered_with_key_line_and_nearest(registry: Running) -> None:
    body = await apply(registry, FILE + "trian: {seed: 3}\n", of=422)
    (problem,) = body["error"]["problems"]
    assert (problem["key"], problem["line"], problem["nearest"]) == ("trian", 7, "train")
    assert len(await registry.emitted(WorkspaceConfigured)) == 1


async def test_what_is_fixed_for_life_is_refused(registry: Running) -> None:
    body = await apply(registry, FILE + "lanes: 4\n", of=422)
    assert body["error"]["problems"][0]["key"] == "lanes"


async def test_the_first_version_goes_from_training_to_production(registry: Running) -> None:
    version = await candidate(registry, "run-1")
    assert version == "parcels-1"
    (asked,) = await registry.emitted(EvaluationRequested)
    assert (asked.production, asked.revision, asked.best, asked.cycle_id) == (None, 0, {}, CYCLE)
    await judge(registry, version)
    (staged,) = await registry.emitted(ModelStaged)
    assert (staged.stage, staged.version, staged.cycle_id, staged.final) == ("production", version, CYCLE, True)
    assert staged.route == await route(registry) and staged.route.revision == 1
    assert staged.scores == {"golden.macro_f1": 0.9}


async def test_a_rollout_by_evidence_through_shadow_and_canary(registry: Running) -> None:
    await judge(registry, await candidate(registry, "run-1"))
    await confirm(registry)
    version = await candidate(registry, "run-2")
    asked = (await registry.emitted(EvaluationRequested))[-1]
    assert asked.production and asked.production.version == "parcels-1" and asked.best == {"golden.macro_f1": 0.9}
    await judge(registry, version)
    for step in ("shadow", "canary", "canary"):
        await confirm(registry)
        await rollout(registry, version, step)
    stages = [(event.version, event.stage) for event in await registry.emitted(ModelStaged)]
    assert stages[1:] == [
        (version, "shadow"),
        (version, "canary"),
        (version, "canary"),
        ("parcels-1", "superseded"),
        (version, "production"),
    ]
    revisions = [event.route.revision for event in await registry.emitted(WorkspaceRouted)]
    assert revisions == [0, 1, 2, 3, 4, 5]


async def test_a_redelivered_batch_counts_once(registry: Running) -> None:
    await Blobs(registry.service.settings).put("parcels/models/run-1/weights.safetensors", b"weights")
    batch = [trained("run-1"), trained("run-2")]
    await registry.deliver(batch)
    once = await registry.snapshot()
    await registry.deliver(batch, again=True)
    await registry.deliver(batch)
    assert await registry.snapshot() == once


async def test_an_artifact_that_can_run_code_is_refused(registry: Running) -> None:
    version = await candidate(registry, "run-pickled", file="weights.pkl")
    (staged,) = await registry.emitted(ModelStaged)
    assert (staged.stage, staged.version) == ("refused", version) and "weights.pkl" in staged.reason
    assert await registry.emitted(EvaluationRequested) == []
    body = await post(registry, "promote", 409, version=version, revision=0)
    assert body["error"]["code"] == "not_promotable"


async def test_a_configuration_that_asks_for_code_of_its_own_is_refused(registry: Running) -> None:
    config = json.dumps({"auto_map": {"AutoModel": "modeling_mine.Mine"}}).encode()
    await Blobs(registry.service.settings).put("parcels/models/run-remote/config.json", config)
    await candidate(registry, "run-remote")
    (staged,) = await registry.emitted(ModelStaged)
    assert staged.stage == "refused" and staged.reason.startswith("config.json: auto_map names code")


async def test_what_is_inspected_is_signed_and_so_is_asked_for_and_routed(registry: Running) -> None:
    await judge(registry, await candidate(registry, "run-1"))
    (asked,) = await registry.emitted(EvaluationRequested)
    for deployment in (asked.candidate, (await route(registry)).production):
        Trust(SIGNER.public).check(deployment)
    (registered,) = await registry.emitted(ModelRegistered)
    assert registered.deployment.signature is None, "nobody has looked at it yet"


async def test_a_cycle_without_a_candidate_is_closed_for_training(registry: Running) -> None:
    await registry.deliver([make(TrainingFailed, cycle_id=CYCLE, reason="too few labels", attempt=1)])
    (staged,) = await registry.emitted(ModelStaged)
    assert (staged.stage, staged.version, staged.cycle_id, staged.reason) == ("failed", None, CYCLE, "too few labels")


async def test_a_command_with_a_revision_of_the_past_is_refused_with_both(registry: Running) -> None:
    await judge(registry, await candidate(registry, "run-1"))
    body = await post(registry, "promote", 409, version="parcels-1", revision=0)
    assert (body["error"]["code"], body["error"]["seen"], body["error"]["current"]) == ("stale_revision", 0, 1)
    assert (await post(registry, "rollback", 404, revision=1, to="parcels-9"))["error"]["version"] == "parcels-9"


async def test_a_person_promotes_a_rejected_version_and_rolls_it_back(registry: Running) -> None:
    await judge(registry, await candidate(registry, "run-1"))
    await confirm(registry)
    await judge(registry, await candidate(registry, "run-2"), "fail")
    moved = await post(registry, "promote", version="parcels-2", revision=1, by="ada", reason="we know better")
    assert moved["moved"] == {"parcels-1": "superseded", "parcels-2": "production"}
    back = await post(registry, "rollback", revision=2, by="ada")
    assert (back["production"], back["revision"]) == ("parcels-1", 3)
    entries = await get(registry, "/parcels/ledger?version=parcels-2")
    assert [(one["stage"], one["by"]) for one in entries if one["stage"]] == [
        ("rolled-back", "ada"),
        ("production", "ada"),
        ("rejected", "evidence"),
    ]


async def test_the_same_command_again_finds_what_it_did(registry: Running) -> None:
    await judge(registry, await candidate(registry, "run-1"))
    await judge(registry, await candidate(registry, "run-2"), "fail")
    body, key = {"version": "parcels-2", "revision": 1, "by": "ada"}, {"Idempotency-Key": "from the console"}
    async with registry.http() as client:
        once = await client.post("/v1/workspaces/parcels/promote", json=body, headers=key)
        again = await client.post("/v1/workspaces/parcels/promote", json=body, headers=key)
    assert once.status_code == again.status_code == 200
    assert once.json() == again.json() and once.json()["moved"]["parcels-2"] == "production"


async def test_where_a_person_must_approve_production_waits_for_promote(registry: Running) -> None:
    await apply(registry, FILE.replace("rollout: {", "rollout: {approval: person, "))
    await judge(registry, await candidate(registry, "run-1"))
    assert await registry.emitted(ModelStaged) == []
    assert (await get(registry, "/parcels"))["rollout"]["awaiting"] is True
    moved = await post(registry, "promote", version="parcels-1", revision=0, by="ada")
    assert moved["moved"] == {"parcels-1": "production"}


async def test_a_promotion_that_can_not_be_applied_is_taken_back(registry: Running) -> None:
    await judge(registry, await candidate(registry, "run-1"))
    await confirm(registry)
    await judge(registry, await candidate(registry, "run-2"), "fail")
    await post(registry, "promote", version="parcels-2", revision=1)
    await confirm(registry, ok=False)
    assert (await route(registry)).production.version == "parcels-1"
    body = await get(registry, "/parcels")
    assert body["route"]["production"]["version"] == "parcels-1" and body["best"] == {"golden.macro_f1": 0.9}


async def test_stale_evidence_is_written_down_and_moves_nothing(registry: Running) -> None:
    await judge(registry, await candidate(registry, "run-1"))
    before = await registry.emitted(WorkspaceRouted)
    await rollout(registry, "parcels-1", "canary", "roll-back")
    assert await registry.emitted(WorkspaceRouted) == before
    newest = (await get(registry, "/parcels/ledger?limit=1"))[0]
    assert (newest["kind"], newest["version"]) == ("stale", "parcels-1")


async def test_events_of_an_unknown_workspace_are_dead_letters_and_harm_no_neighbour(registry: Running) -> None:
    await registry.deliver([trained("run-1"), trained("run-9", workspace="nobody"), trained("run-2")])
    assert [event.version for event in await registry.emitted(ModelRegistered)] == ["parcels-1", "parcels-2"]
    (reason,) = await registry.dead_letters()
    assert "nobody" in reason


async def test_versions_are_listed_with_stage_and_scores(registry: Running) -> None:
    await judge(registry, await candidate(registry, "run-1"))
    (version,) = await get(registry, "/parcels/versions")
    assert (version["version"], version["stage"], version["method"]) == ("parcels-1", "production", "linear-probe")
    assert version["scores"] == {"golden.macro_f1": 0.9} and version["validation"] == {"macro_f1": 0.9}
    assert [one["workspace"] for one in await get(registry, "")] == ["parcels"]
    assert (await get(registry, "/nobody/versions", 404))["error"]["workspace"] == "nobody"


async def test_versions_that_learned_from_erased_rows_are_flagged_and_those_that_went_on_from_them(
    registry: Running,
) -> None:
    first = await candidate(registry, "run-1")
    await judge(registry, first)
    await confirm(registry)
    blobs = Blobs(registry.service.settings)
    for run, fields in (
        ("run-2", {"dataset": "sha256:other", "environment": {"start": "sha256:weights"}}),
        ("run-3", {"dataset": "sha256:other"}),
    ):
        await blobs.put(f"parcels/models/{run}/weights.safetensors", b"weights")
        await registry.deliver([trained(run, **fields)])
        await registry.work("inspect")
    second, third = (event.version for event in (await registry.emitted(ModelRegistered))[-2:])
    told = make(ErasureConfirmed, erasure="e-1", service="datasets", datasets=["sha256:rows"])
    await registry.deliver([told, make(ErasureConfirmed, erasure="e-1", service="feedback")])
    [confirmed] = await registry.emitted(ErasureConfirmed)
    assert (confirmed.service, confirmed.versions) == ("registry", [first, second])
    shown = {one["version"]: one["erasures"] for one in await get(registry, "/parcels/versions")}
    assert shown == {first: ["e-1"], second: ["e-1"], third: []}
    entries = [one for one in await get(registry, "/parcels/ledger") if one["kind"] == "redacted"]
    assert {one["version"] for one in entries} == {first, second}
    assert (await route(registry)).production.version == first


async def test_a_base_that_the_team_added_may_be_named_and_a_misspelt_one_may_not(registry: Running) -> None:
    blobs = Blobs(registry.service.settings)
    await blobs.put("bases/bert-de/base.json", json.dumps({"name": "bert-de", "kind": "encoder"}).encode())
    await blobs.put("bases/broken/base.json", b"{")
    try:
        applied = await apply(registry, FILE + "train: {bases: [minilm, bert-de]}\n")
        assert applied["changed"]
        refused = await apply(registry, FILE + "train: {bases: [bert-dee]}\n", of=422)
        (problem,) = refused["error"]["problems"]
        assert (problem["key"], problem["nearest"]) == ("train.bases[0]", "bert-de")
        assert problem["expected"] == "one of minilm, bert-de"
    finally:
        for name in ("bert-de", "broken"):
            await blobs.delete(f"bases/{name}/base.json")


async def test_what_a_file_may_not_mean_is_asked_about(registry: Running) -> None:
    applied = await apply(registry, FILE + "corpora: {wiki: {sources: [chat]}}\n")
    assert [one["key"] for one in applied["doubts"]] == ["corpora.wiki.sources[0]"]
    assert (await apply(registry, FILE))["doubts"] == []
