"""Shadow and canary on real Postgres."""

from uuid import uuid4

from harness import Running
from worlds import applied, configured, labelled, moment, paired, routed, served

from millrace.events import RolloutJudged


async def shadowing(evaluation: Running, **changes: object) -> None:
    await evaluation.deliver([configured(**changes)])  # type: ignore[arg-type]
    await evaluation.deliver([routed(revision=5, step="shadow", cycle_id=uuid4())])
    await evaluation.deliver([applied(revision=5)])


async def trying(evaluation: Running, **changes: object) -> None:
    """Production's usual latency is known, then a canary of 0.2 starts."""
    await evaluation.deliver([configured(**changes)])  # type: ignore[arg-type]
    await evaluation.deliver([served(n, "production", revision=4, latency_ms=10 + n % 3) for n in range(200)])
    await evaluation.deliver([routed(revision=6, step="canary"), applied(revision=6)])


def arm(number: int) -> str:
    return "canary" if number % 5 == 0 else "production"


async def open_step(evaluation: Running) -> dict[str, object]:
    async with evaluation.http() as client:
        found = (await client.get("/v1/rollouts", params={"workspace": "parcels"})).json()
    return dict(found[0])


async def counted(evaluation: Running) -> int:
    evidence = (await open_step(evaluation))["evidence"]
    return int(evidence["labels"]["counted"])  # type: ignore[index]


async def test_a_shadow_that_is_as_right_is_promoted_once(evaluation: Running) -> None:
    await shadowing(evaluation)
    await evaluation.deliver(paired(range(100), revision=5))
    assert await evaluation.emitted(RolloutJudged) == []
    await evaluation.deliver(paired(range(100, 140), revision=5))
    await evaluation.deliver(paired(range(140, 200), revision=5))
    [event] = await evaluation.emitted(RolloutJudged)
    assert (event.verdict, event.step, event.version, event.revision) == ("promote", "shadow", "parcels-2", 5)
    assert event.cycle_id is not None
    assert event.evidence["labels"]["counted"] == 140
    assert event.evidence["require"]["difference"] == 0


async def test_a_verdict_stays_in_the_trace_of_its_rollout_and_names_the_label_that_tipped_the_scales(
    evaluation: Running,
) -> None:
    rollouts, labels = "1" * 32, "2" * 32
    await evaluation.deliver([configured()])
    await evaluation.deliver([routed(revision=5, step="shadow", traceparent=f"00-{rollouts}-{'1' * 16}-00")])
    await evaluation.deliver([applied(revision=5)])
    said = paired(range(200), revision=5)
    for event in said:
        event.within(event.envelope._replace(traceparent=f"00-{labels}-{'2' * 16}-00"))
    await evaluation.deliver(said)
    [event] = await evaluation.emitted(RolloutJudged)
    assert event.traceparent is not None and rollouts in event.traceparent
    assert event.envelope.cause_id == said[-1].id


async def test_a_unit_that_postgres_can_not_hold_stops_nothing(evaluation: Running) -> None:
    await trying(evaluation)
    await evaluation.deliver(
        [served(300, "production", revision=6, unit="c-\x00"), served(301, "production", revision=6)]
    )
    async with evaluation.db.reading() as tx:
        assert [row["unit"] for row in await tx.fetch("SELECT unit FROM units ORDER BY 1")] == ["c-301", "c-\ufffd"]


async def test_a_redelivered_batch_counts_once(evaluation: Running) -> None:
    await shadowing(evaluation)
    batch = paired(range(50), revision=5)
    await evaluation.deliver(batch)
    once = await evaluation.snapshot()
    await evaluation.deliver(batch, again=True)
    await evaluation.deliver(batch)
    again = await evaluation.snapshot()
    assert {name: rows for name, rows in again.items() if "inbox" not in name} == {
        name: rows for name, rows in once.items() if "inbox" not in name
    }
    assert await counted(evaluation) == 50


async def test_batches_and_single_events_fold_to_the_same_evidence(evaluation: Running) -> None:
    await shadowing(evaluation)
    await evaluation.deliver(paired(range(20), revision=5), at_once=False)
    await evaluation.deliver(paired(range(20, 40), revision=5))
    assert await counted(evaluation) == 40


async def test_a_shadow_that_is_worse_is_rolled_back(evaluation: Running) -> None:
    await shadowing(evaluation)
    for number in range(120):
        pair = [labelled(number, arm, revision=5, correct=arm == "production") for arm in ("production", "shadow")]
        await evaluation.deliver(pair)
    [event] = await evaluation.emitted(RolloutJudged)
    assert event.verdict == "roll-back"
    assert event.evidence["accuracy"]["candidate"]["value"] == 0


async def test_only_pairs_of_trusted_blind_old_labels_count_and_one_a_unit(evaluation: Running) -> None:
    await shadowing(evaluation)
    await evaluation.deliver([labelled(n, "shadow", revision=5) for n in range(10)])
    await evaluation.deliver(paired(range(10, 20), revision=5, trusted=False))
    await evaluation.deliver(paired(range(20, 30), revision=5, basis="shown"))
    await evaluation.deliver(paired(range(30, 40), revision=5, unit="c-0"))
    await evaluation.deliver(paired(range(40, 50), revision=4))
    assert await counted(evaluation) == 1
    await evaluation.deliver([labelled(n, "production", revision=5) for n in range(5)])
    assert await counted(evaluation) == 5


async def test_a_young_label_waits_for_its_age_and_takes_corrections_until_then(evaluation: Running) -> None:
    await shadowing(evaluation)
    await evaluation.deliver(paired([0], revision=5, after=0.5, correct=False))
    assert await counted(evaluation) == 0
    await evaluation.deliver(paired([0], revision=5, after=1.0, correct=True))
    await evaluation.deliver([served(40, "production", revision=5)])
    assert await counted(evaluation) == 1
    evidence = (await open_step(evaluation))["evidence"]
    assert evidence["accuracy"]["candidate"]["value"] == 1.0  # type: ignore[index]


async def test_nothing_counts_before_every_replica_has_the_route(evaluation: Running) -> None:
    await evaluation.deliver([configured(), routed(revision=5, step="shadow")])
    await evaluation.deliver(paired(range(50), revision=5))
    await evaluation.deliver([applied(revision=5, at=moment(10))])
    await evaluation.deliver(paired(range(60, 110), revision=5))
    assert await counted(evaluation) == 10


async def test_the_report_may_come_before_the_route(evaluation: Running) -> None:
    await evaluation.deliver([configured(), applied(revision=5)])
    await evaluation.deliver([routed(revision=5, step="shadow")])
    await evaluation.deliver(paired(range(10), revision=5))
    assert await counted(evaluation) == 10


async def test_a_failed_route_starts_nothing(evaluation: Running) -> None:
    await evaluation.deliver([configured(), routed(revision=5, step="shadow"), applied(revision=5, ok=False)])
    await evaluation.deliver(paired(range(200), revision=5))
    assert await evaluation.emitted(RolloutJudged) == []
    assert (await open_step(evaluation))["waits_for"] == "every replica to have the route"


async def test_a_slow_canary_is_rolled_back_for_latency(evaluation: Running) -> None:
    await trying(evaluation)
    for start in range(0, 400, 20):
        answers = [
            served(n, arm(n), revision=6, latency_ms=70.0 if arm(n) == "canary" else 11.0)
            for n in range(start, start + 20)
        ]
        await evaluation.deliver(answers)
    [event] = await evaluation.emitted(RolloutJudged)
    assert (event.verdict, event.step, event.share) == ("roll-back", "canary", 0.2)
    assert event.because.startswith("latency.p99 <= 1.5 * production")
    assert event.evidence["usual_p99_ms"] == 12.0


async def test_a_canary_that_fails_is_rolled_back_though_production_answers_in_its_place(evaluation: Running) -> None:
    """The two records of a failed request come in one batch or in two, in either order."""
    await trying(evaluation)
    for n in range(0, 120, 2):
        failed = served(n * 5, "canary", revision=6, error="out of memory", label=None)
        stood_in = served(n * 5, "production", revision=6)
        await evaluation.deliver([failed, stood_in])
        late = served(n * 5 + 5, "production", revision=6)
        await evaluation.deliver([late])
        await evaluation.deliver([served(n * 5 + 5, "canary", revision=6, error="out of memory", label=None)])
        await evaluation.deliver([served(n * 5 + k, "production", revision=6) for k in range(1, 5)])
    [event] = await evaluation.emitted(RolloutJudged)
    assert (event.verdict, event.because.split()[0]) == ("roll-back", "error_rate")
    assert event.evidence["harm"][0]["candidate"]["value"] == 1.0


async def test_an_overloaded_machine_that_makes_both_arms_late_blames_neither(evaluation: Running) -> None:
    """A canary that is late has failed; production, for which nobody stands in, is held to the same time."""
    await trying(evaluation)
    for start in range(0, 600, 20):
        late = [
            served(
                n, arm(n), revision=6, latency_ms=2500.0, late=True, **({"error": "late"} if arm(n) == "canary" else {})
            )
            for n in range(start, start + 20)
        ]
        await evaluation.deliver(late)
    assert await evaluation.emitted(RolloutJudged) == []


async def test_a_canary_that_alone_is_late_is_rolled_back(evaluation: Running) -> None:
    await trying(evaluation)
    for start in range(0, 400, 20):
        await evaluation.deliver(
            [served(n, arm(n), revision=6, late=arm(n) == "canary") for n in range(start, start + 20)]
        )
    [event] = await evaluation.emitted(RolloutJudged)
    assert (event.verdict, event.because.split()[0]) == ("roll-back", "error_rate")


async def test_a_shadow_that_fails_is_wrong(evaluation: Running) -> None:
    await shadowing(evaluation)
    for n in range(120):
        failed = labelled(n, "shadow", revision=5, predicted=None, correct=None)
        await evaluation.deliver([labelled(n, "production", revision=5), failed])
    [event] = await evaluation.emitted(RolloutJudged)
    assert event.verdict == "roll-back"


async def test_a_harmless_canary_is_promoted_share_by_share(evaluation: Running) -> None:
    await trying(evaluation)
    for n in range(200):
        await evaluation.deliver([served(n, arm(n), revision=6), labelled(n, arm(n), revision=6)])
    [first] = await evaluation.emitted(RolloutJudged)
    assert (first.verdict, first.evidence["labels"]["counted"]) == ("promote", 20)
    await evaluation.deliver([routed(revision=7, step="canary", share=0.5), applied(revision=7, at=moment(30))])
    units = first.evidence["harm"][0]["candidate"]["n"]
    evidence = (await open_step(evaluation))["evidence"]
    assert evidence["harm"][0]["candidate"]["n"] == units  # type: ignore[index]
    assert evidence["labels"]["counted"] == 0  # type: ignore[index]
    for n in range(400, 500):
        side = "canary" if n % 2 else "production"
        await evaluation.deliver([served(n, side, revision=7), labelled(n, side, revision=7)])
    assert [event.share for event in await evaluation.emitted(RolloutJudged)] == [0.2, 0.5]


async def test_a_unit_counts_once_however_often_it_asks(evaluation: Running) -> None:
    await trying(evaluation)
    await evaluation.deliver([served(n, "canary", revision=6, latency_ms=500.0, unit="c-1") for n in range(300)])
    await evaluation.deliver([served(n, "production", revision=6, unit="c-2") for n in range(300)])
    assert await evaluation.emitted(RolloutJudged) == []
    evidence = (await open_step(evaluation))["evidence"]
    assert evidence["units"] == {"production": 1, "candidate": 1}  # type: ignore[index]


async def test_bad_words_count_once_an_actor_and_only_in_time(evaluation: Running) -> None:
    await trying(evaluation)
    bad = {"kind": "rating", "value": -1.0, "trusted": False}
    await evaluation.deliver([served(n, arm(n), revision=6) for n in range(40)])
    await evaluation.deliver([labelled(n, arm(n), revision=6, after=1.0, actor="a-1", **bad) for n in range(30, 35)])
    await evaluation.deliver([labelled(35, arm(35), revision=6, after=1.0, actor="a-2", **bad)])
    await evaluation.deliver([labelled(36, arm(36), revision=6, after=7.0, actor="a-3", **bad)])
    await evaluation.deliver([served(100, "production", revision=6)])
    harm = (await open_step(evaluation))["evidence"]["harm"][2]  # type: ignore[index]
    assert harm["condition"].startswith("feedback.negative")
    async with evaluation.db.reading() as tx:
        negative = await tx.fetchval("SELECT count(*) FROM units WHERE negative AND counted")
    assert negative == 2
    assert harm["candidate"]["n"] == 8


async def test_a_bad_word_may_come_before_the_answer_it_is_about(evaluation: Running) -> None:
    await trying(evaluation)
    bad = {"kind": "rating", "value": -1.0, "trusted": False}
    await evaluation.deliver([labelled(0, "canary", revision=6, after=1.0, **bad)])
    await evaluation.deliver([served(n, arm(n), revision=6) for n in range(100)])
    harm = (await open_step(evaluation))["evidence"]["harm"][2]  # type: ignore[index]
    assert harm["candidate"]["value"] > 0


async def test_time_that_is_over_is_inconclusive(evaluation: Running) -> None:
    await shadowing(evaluation)
    await evaluation.deliver(paired(range(10), revision=5))
    evaluation.clock.advance(3500)
    await evaluation.work()
    assert await evaluation.emitted(RolloutJudged) == []
    evaluation.clock.advance(200)
    await evaluation.work()
    [event] = await evaluation.emitted(RolloutJudged)
    assert (event.verdict, event.evidence["otherwise"]) == ("inconclusive", "roll-back")
    await evaluation.deliver(paired(range(10, 200), revision=5))
    assert len(await evaluation.emitted(RolloutJudged)) == 1


async def test_a_new_route_ends_a_step_without_a_verdict_of_ours(evaluation: Running) -> None:
    await shadowing(evaluation)
    await evaluation.deliver(paired(range(10), revision=5))
    await evaluation.deliver([routed(revision=6, step=None)])
    await evaluation.deliver(paired(range(10, 300), revision=5))
    evaluation.clock.advance(4000)
    await evaluation.work()
    assert await evaluation.emitted(RolloutJudged) == []
    assert (await open_step(evaluation))["verdict"] == "superseded"
    async with evaluation.db.reading() as tx:
        assert await tx.fetchval("SELECT count(*) FROM labels") == 0


async def test_workspaces_do_not_mix(evaluation: Running) -> None:
    for workspace in ("parcels", "returns"):
        await evaluation.deliver([configured(workspace), routed(workspace, revision=5, step="shadow")])
        await evaluation.deliver([applied(workspace, revision=5)])
    both = [*paired(range(130), revision=5), *paired(range(60), revision=5, workspace="returns")]
    await evaluation.deliver(sorted(both, key=lambda event: event.occurred_at))
    [event] = await evaluation.emitted(RolloutJudged)
    assert event.workspace == "parcels"
