"""The gate on real Postgres and S3, with an engine that needs no model."""

import json
from typing import Any
from uuid import uuid4

import pytest
from harness import Running, make
from worlds import LABELS, SmallEngine, configured, deployment, kept, put_dataset, put_model, request

from millrace.chassis import Blobs, Unavailable
from millrace.events import (
    DocumentDuplicated,
    DocumentRetired,
    ErasureConfirmed,
    EvaluationFailed,
    ModelEvaluated,
    SubjectErased,
)

ROWS = {
    suite: [(f"{suite} {number}", LABELS[number % 3]) for number in range(count)]
    for suite, count in (("fresh", 200), ("golden", 300))
}


async def prepared(evaluation: Running, *, candidate: float, production: float) -> str:
    """A dataset and two models in S3, the workspace known; the manifest's key."""
    blobs = evaluation.service.blobs
    await put_model(blobs, "parcels-1", wrong=production)
    await put_model(blobs, "parcels-2", wrong=candidate)
    await evaluation.deliver([configured()])
    return await put_dataset(blobs, uuid4().hex, ROWS)


async def test_a_better_candidate_passes_with_every_figure_and_condition(evaluation: Running) -> None:
    manifest = await prepared(evaluation, candidate=0.02, production=0.3)
    await evaluation.deliver([request(manifest, best={"golden.macro_f1": 0.95}, cycle_id=uuid4())])
    await evaluation.work()
    [event] = await evaluation.emitted(ModelEvaluated)
    assert event.verdict == "pass"
    assert (event.version, event.against, event.revision) == ("parcels-2", "parcels-1", 3)
    assert event.cycle_id is not None
    assert [condition.condition for condition in event.conditions] == [
        "fresh.macro_f1 > production",
        "golden.macro_f1 >= best - 0.03",
        "typos.macro_f1 >= 0.9 * golden.macro_f1",
    ]
    assert (set(event.scores), set(event.production)) == ({"fresh", "golden", "typos"}, {"fresh"})
    accuracy = event.scores["fresh"]["accuracy"]
    assert (accuracy.value, accuracy.n) == (0.98, 200)
    assert accuracy.low < 0.98 < accuracy.high
    report = json.loads(await evaluation.service.blobs.get(event.report))
    fresh = report["suites"]["fresh"]
    assert fresh["classes"]["late"]["n"] == 67
    assert sum(map(sum, fresh["confusion"]["counts"])) == 200
    assert fresh["calibration"]["ece"] == pytest.approx(0.08)
    assert fresh["latency_ms"]["p50"]["value"] == 5.0
    assert {one["kind"] for one in fresh["slices"]} == {"length"}
    assert (fresh["flips"]["mended"]["n"], fresh["flips"]["broken"]["n"]) == (56, 0)
    assert (
        fresh["flips"]["mended"]["rows"][0] | {"production": "lost", "truth": "late"}
        == fresh["flips"]["mended"]["rows"][0]
    )


async def test_a_judgement_that_is_tried_again_says_why(evaluation: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async def waits() -> str | None:
        async with evaluation.http() as client:
            (one,) = (await client.get("/v1/evaluations", params={"workspace": "parcels"})).json()
        said: str | None = one["waits_for"]
        return said

    async def down(*_: Any, **__: Any) -> None:
        raise Unavailable("S3: down")

    manifest = await prepared(evaluation, candidate=0.02, production=0.3)
    await evaluation.deliver([request(manifest)])
    assert await waits() is None
    with monkeypatch.context() as stopped:
        stopped.setattr(Blobs, "get", down)
        await evaluation.work()
        assert await waits() == "the job evaluate, which is tried again: S3: down"
    evaluation.clock.advance(31)
    await evaluation.work()
    assert await waits() is None and len(await evaluation.emitted(ModelEvaluated)) == 1


async def test_a_report_is_a_page_with_texts_as_far_as_they_are_kept(evaluation: Running) -> None:
    manifest = await prepared(evaluation, candidate=0.02, production=0.3)
    asked = request(manifest)
    await evaluation.deliver([asked])
    async with evaluation.http() as client:
        early = await client.get(f"/v1/evaluations/{asked.id}.html")
        assert early.status_code == 409 and "not judged yet" in early.json()["error"]["message"]
        await evaluation.work()
        page = (await client.get(f"/v1/evaluations/{asked.id}.html")).text
        assert "parcels-2: pass" in page and "Wrong in production, right now" in page and "fresh 10<" in page
        blob = json.loads(await evaluation.service.blobs.get(manifest))["suites"]["fresh"]["rows"]
        await evaluation.service.blobs.delete(blob)
        page = (await client.get(f"/v1/evaluations/{asked.id}.html")).text
        assert "its text is no longer kept" in page and "fresh 10<" not in page
        assert (await client.get(f"/v1/evaluations/{uuid4()}.html")).status_code == 404


async def test_a_worse_candidate_fails_and_an_equal_one_is_inconclusive(evaluation: Running) -> None:
    manifest = await prepared(evaluation, candidate=0.3, production=0.05)
    for candidate in (deployment("parcels-2"), deployment("parcels-1", version="parcels-9")):
        await evaluation.deliver([request(manifest, candidate=candidate)])
        await evaluation.work()
    assert [event.verdict for event in await evaluation.emitted(ModelEvaluated)] == ["fail", "inconclusive"]


async def test_the_first_version_passes_without_production(evaluation: Running) -> None:
    manifest = await prepared(evaluation, candidate=0.05, production=0.05)
    await evaluation.deliver([request(manifest, production=False)])
    await evaluation.work()
    [event] = await evaluation.emitted(ModelEvaluated)
    assert (event.verdict, event.against, event.production) == ("pass", None, {})
    assert [bool(condition.note) for condition in event.conditions] == [True, True, False]


async def test_what_was_scored_before_is_not_scored_again(evaluation: Running, engine: SmallEngine) -> None:
    manifest = await prepared(evaluation, candidate=0.02, production=0.3)
    await evaluation.deliver([request(manifest, production=False)])
    await evaluation.work()
    await evaluation.deliver([request(manifest)])
    await evaluation.work()
    await evaluation.deliver([request(manifest, revision=4)])
    await evaluation.work()
    assert engine.asked == [({"candidate"}, {"fresh", "golden", "typos"}), ({"production"}, {"fresh"})]
    assert [event.verdict for event in await evaluation.emitted(ModelEvaluated)] == ["pass"] * 3


async def test_the_best_is_paired_where_its_answers_are_known(evaluation: Running) -> None:
    """Equal answers keep within 0.015 of the best: 300 pairs prove that, a bare number does not."""
    manifest = await prepared(evaluation, candidate=0.1, production=0.1)
    await evaluation.deliver([configured(revision=2, gate=["golden.macro_f1 >= best - 0.015"])])
    await evaluation.deliver([request(manifest, production=False)])
    await evaluation.work()
    [first] = await evaluation.emitted(ModelEvaluated)
    score = first.scores["golden"]["macro_f1"].value
    twin = deployment("parcels-1", version="parcels-3")
    for best in (score, score + 1e-6):
        again = request(manifest, production=False, candidate=twin, best={"golden.macro_f1": best})
        await evaluation.deliver([again.model_copy(update={"workspace_revision": 2}).within(again.envelope)])
        await evaluation.work()
    verdicts = [event.verdict for event in (await evaluation.emitted(ModelEvaluated))[1:]]
    assert verdicts == ["pass", "inconclusive"]


async def test_a_request_that_comes_twice_is_judged_once(evaluation: Running, engine: SmallEngine) -> None:
    manifest = await prepared(evaluation, candidate=0.02, production=0.3)
    batch = [request(manifest)]
    await evaluation.deliver(batch)
    await evaluation.work()
    once = await evaluation.snapshot()
    await evaluation.deliver(batch, again=True)
    await evaluation.deliver(batch)
    await evaluation.work()
    assert {name: rows for name, rows in (await evaluation.snapshot()).items() if name != "inbox"} == {
        name: rows for name, rows in once.items() if name != "inbox"
    }
    assert len(await evaluation.emitted(ModelEvaluated)) == 1
    assert len(engine.asked) == 2


async def test_a_request_waits_for_its_workspace(evaluation: Running) -> None:
    manifest = await prepared(evaluation, candidate=0.02, production=0.3)
    early = request(manifest).model_copy(update={"workspace_revision": 2})
    await evaluation.deliver([early.within(request(manifest).envelope)])
    await evaluation.work()
    assert not await evaluation.emitted(ModelEvaluated)
    await evaluation.deliver([configured(revision=2)])
    evaluation.clock.advance(60)
    await evaluation.work()
    assert len(await evaluation.emitted(ModelEvaluated)) == 1


async def test_what_cannot_be_judged_fails_with_the_reason(evaluation: Running) -> None:
    manifest = await prepared(evaluation, candidate=0.02, production=0.3)
    await evaluation.service.blobs.put("datasets/odd.json", b"{}")
    await evaluation.deliver([request("datasets/odd.json"), request("datasets/none.json")])
    await evaluation.deliver([request(manifest, candidate=deployment("parcels-2", digest="sha256:other"))])
    await evaluation.deliver([request(manifest, candidate=deployment("parcels-7"))])
    await evaluation.work()
    reasons = [event.reason for event in await evaluation.emitted(EvaluationFailed)]
    assert len(reasons) == 4
    for part in ("manifest datasets/odd.json", "datasets/none.json", "sha256:other", "models/parcels-7"):
        assert any(part in reason for reason in reasons)


async def test_a_version_that_is_not_signed_is_not_judged_nor_against_one(evaluation: Running) -> None:
    manifest = await prepared(evaluation, candidate=0.02, production=0.3)
    unsigned = deployment("parcels-2").model_copy(update={"signature": None})
    changed = deployment("parcels-1").model_copy(update={"digest": "sha256:other"})
    await evaluation.deliver([request(manifest, candidate=unsigned)])
    await evaluation.deliver([request(manifest, production=changed)])
    await evaluation.work()
    reasons = [event.reason for event in await evaluation.emitted(EvaluationFailed)]
    told = sorted(("is not signed" in reason, "changed after" in reason) for reason in reasons)
    assert told == [(False, True), (True, False)], "in whichever order they were taken"


async def test_a_scoring_process_that_keeps_dying_fails_the_evaluation(
    evaluation: Running, engine: SmallEngine
) -> None:
    manifest = await prepared(evaluation, candidate=0.02, production=0.3)
    engine.dies = True
    await evaluation.deliver([request(manifest)])
    for _ in range(4):
        await evaluation.work()
        evaluation.clock.advance(60)
    assert len(engine.asked) == 3
    assert [event.reason for event in await evaluation.emitted(EvaluationFailed)] == ["killed"]


async def test_evaluations_can_be_read(evaluation: Running) -> None:
    manifest = await prepared(evaluation, candidate=0.02, production=0.3)
    asked = request(manifest)
    await evaluation.deliver([asked])
    async with evaluation.http() as client:
        [running] = (await client.get("/v1/evaluations", params={"workspace": "parcels"})).json()
        await evaluation.work()
        [judged] = (await client.get("/v1/evaluations", params={"workspace": "parcels"})).json()
        one = await client.get(f"/v1/evaluations/{asked.id}")
        missing = await client.get(f"/v1/evaluations/{uuid4()}")
        other = await client.get("/v1/evaluations", params={"workspace": "nowhere"})
    assert (running["verdict"], judged["verdict"]) == (None, "pass")
    assert one.json()["result"]["scores"]["candidate"]["fresh"]["accuracy"]["n"] == 200
    assert (missing.status_code, other.status_code) == (404, 404)


async def test_labels_that_came_after_the_cut_join_fresh_and_what_was_learnt_does_not(evaluation: Running) -> None:
    await prepared(evaluation, candidate=0.0, production=0.3)
    manifest = await put_dataset(
        evaluation.service.blobs, uuid4().hex, {**ROWS, "fresh": ROWS["fresh"][:10]}, training=["k-0", "k-1"]
    )
    await evaluation.deliver([kept(number) for number in range(60)])
    left_out = [
        kept(100, after=-5.0),
        kept(101, trusted=False),
        kept(102, basis="shown"),
        kept(103, label="elsewhere"),
        kept(104, label=None),
        kept(105, suite="golden"),
        kept(106, source="bad"),
        kept(107, workspace="returns"),
        kept(108, source="forum"),
    ]
    await evaluation.deliver(left_out)
    data = {"trusted": ["desk", "bad", "forum"], "retired": ["bad"]}
    forum = {"forum": {"kind": "events", "purposes": ["train", "retrieve"]}}
    await evaluation.deliver([configured(revision=2, data=data, sources=forum)])
    asked = request(manifest)
    await evaluation.deliver([asked.model_copy(update={"workspace_revision": 2}).within(asked.envelope)])
    await evaluation.work()
    [event] = await evaluation.emitted(ModelEvaluated)
    assert event.scores["fresh"]["accuracy"].n == event.production["fresh"]["accuracy"].n == 10 + 58
    report = json.loads(await evaluation.service.blobs.get(event.report))
    assert report["suites"]["fresh"]["since_the_cut"] == 58


async def test_a_revision_takes_the_place_of_the_former_row_and_old_rows_go(evaluation: Running) -> None:
    await evaluation.deliver([kept(1), kept(2, after=-8 * 86400.0)])
    await evaluation.deliver([kept(3, replaces="k-1")])
    async with evaluation.db.reading() as tx:
        assert [row["document_id"] for row in await tx.fetch("SELECT document_id FROM arrivals")] == ["k-3"]


async def test_a_version_is_scored_as_it_will_be_served(evaluation: Running, engine: SmallEngine) -> None:
    manifest = await prepared(evaluation, candidate=0.02, production=0.02)
    padded = deployment("parcels-1", version="parcels-2", parameters={"pad_to": 256})
    await evaluation.deliver([request(manifest, production=False, candidate=deployment("parcels-1"))])
    await evaluation.work()
    await evaluation.deliver([request(manifest, candidate=padded)])
    await evaluation.work()
    assert engine.parameters["candidate"] == {"pad_to": 256}
    assert len(engine.asked) == 2


async def arrived(evaluation: Running) -> list[str]:
    async with evaluation.db.reading() as tx:
        return [row["document_id"] for row in await tx.fetch("SELECT document_id FROM arrivals ORDER BY 1")]


async def test_labels_of_a_person_who_is_forgotten_and_of_retired_documents_judge_no_more(
    evaluation: Running,
) -> None:
    gone = "p-" + "0" * 32
    await evaluation.deliver([kept(1, subject=gone), kept(2), kept(3), kept(4)])
    at = kept(5).known_at
    await evaluation.deliver([make(SubjectErased, at=at, erasure="e-1", subject=gone)])
    retired = {"source": "desk", "because": "vanished"}
    await evaluation.deliver([make(DocumentRetired, at=at, document_id=name, **retired) for name in ("k-2", "k-4")])
    await evaluation.work()
    assert await arrived(evaluation) == ["k-3"]
    [confirmed] = await evaluation.emitted(ErasureConfirmed)
    assert (confirmed.erasure, confirmed.service, confirmed.erased) == ("e-1", "evaluation", {"labels": 1})
    late = [kept(4), kept(5, subject=gone)]
    new = [kept(6, subject=gone, after=30.0), kept(2, after=30.0)]
    await evaluation.deliver([*late, *new])
    assert await arrived(evaluation) == ["k-2", "k-3", "k-6"]


async def test_a_label_that_means_the_same_as_an_older_one_judges_no_more(evaluation: Running) -> None:
    await evaluation.deliver([kept(1), kept(2), kept(3)])
    about = {"source": "desk", "duplicate_of": "k-0", "similarity": 0.97, "cluster": "k-0", "at": kept(1).known_at}
    await evaluation.deliver([make(DocumentDuplicated, document_id="k-1", kind="semantic", **about)])
    await evaluation.deliver([make(DocumentDuplicated, document_id="k-2", kind="near", **about)])
    await evaluation.deliver([make(DocumentDuplicated, document_id="k-9", kind="near", ends="k-3", **about)])
    assert await arrived(evaluation) == ["k-2"]


async def test_no_text_of_a_label_that_joined_fresh_stays_in_blobs(evaluation: Running) -> None:
    manifest = await prepared(evaluation, candidate=0.0, production=0.3)
    await evaluation.deliver([kept(number) for number in range(20)])
    before = {name async for name in evaluation.service.blobs.each("parcels/")}
    await evaluation.deliver([request(manifest)])
    await evaluation.work()
    [event] = await evaluation.emitted(ModelEvaluated)
    added = {name async for name in evaluation.service.blobs.each("parcels/")} - before
    assert {name.split("/")[1] for name in added} == {"evaluations", "answers"}
    assert [name for name in added if "/evaluations/" in name] == [event.report]
