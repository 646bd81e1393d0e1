"""Features as they are served: kept up to date by events, on real Postgres."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from harness import SECRET, Running, make, running
from stations import FILE, asked, configured, minute, observed

from millrace.events import ErasureConfirmed, ObservationAccepted, PredictionRequested, SubjectErased
from millrace.privacy import derived_key, pseudonym
from millrace.serving import observations
from millrace.serving.app import build_app
from millrace.stack import Endpoints
from millrace.workspace import load, tasks


@pytest.fixture
async def serving(stack: Endpoints, tmp_path: Any) -> AsyncIterator[Running]:
    async with running(stack, "serving", build_app, cache=tmp_path) as service:
        await service.tables.put(configured())
        yield service


def to(serving: Running, number: float) -> None:
    serving.clock.advance((minute(number) - serving.clock.now()).total_seconds())


async def held(serving: Running) -> int:
    async with serving.db.reading() as tx:
        return int(await tx.fetchval("SELECT count(*) FROM observed"))


async def test_features_are_told_with_the_newest_observation(serving: Running) -> None:
    to(serving, 20)
    await serving.deliver([observed("a", 3, load=0.1), observed("a", 15, load=0.2, region="n", note="unread")])
    told = await asked(serving, "a")
    assert told == {
        "workspace": "stations",
        "entity": "a",
        "of": "station",
        "at": minute(20).isoformat().replace("+00:00", "Z"),
        "features": {
            "n_1h": 2, "mean_10m": 0.2, "sum_1h": 0.1 + 0.2, "std_1h": told["features"]["std_1h"], "high": 0.2,
            "low": 0.1, "now": 0.2, "states": 0, "region": "n",
        },
        "newest": minute(15).isoformat().replace("+00:00", "Z"),
        "incomplete": [],
    }  # fmt: skip
    assert await held(serving) == 3, "what no feature looks at is not held"


async def test_an_entity_nothing_is_known_of_has_features_of_nothing(serving: Running) -> None:
    told = await asked(serving, "nobody")
    assert (told["features"]["n_1h"], told["features"]["now"], told["features"]["region"]) == (0, None, "other")
    assert (told["newest"], told["incomplete"]) == (None, [])


async def test_a_moment_of_the_last_hour_is_told_as_it_was_known(serving: Running) -> None:
    to(serving, 30)
    await serving.deliver([observed("a", 5, 25, load=4.0), observed("a", 6, load=1.0)])
    assert (await asked(serving, "a", at=minute(24).isoformat()))["features"]["sum_1h"] == 1.0
    assert (await asked(serving, "a", at=minute(25).isoformat()))["features"]["sum_1h"] == 5.0
    to(serving, 100)
    early = await asked(serving, "a", 422, at=minute(39).isoformat())
    late = await asked(serving, "a", 422, at=minute(101).isoformat())
    assert (early["error"]["field"], late["error"]["field"]) == ("at", "at")


async def test_repeated_and_redelivered_observations_count_once(serving: Running) -> None:
    batch = [observed("a", number, load=float(number)) for number in range(5)]
    await serving.deliver(batch)
    once = await serving.snapshot()
    await serving.deliver(batch, again=True)
    await serving.deliver(batch)
    assert await serving.snapshot() == once


async def test_what_no_window_reaches_is_dropped_and_the_newest_hour_of_moments_still_right(serving: Running) -> None:
    file = FILE.replace("{last: load}", "{last: load, over: 1h}").replace("unknown: other", "unknown: other, over: 2h")
    await serving.tables.put(configured(load(file)))
    await serving.deliver([observed("a", number, load=1.0, region="n") for number in range(100)])
    await serving.deliver([observed("b", 1, load=1.0)])
    to(serving, 130)
    assert await serving.work("prune") == 1
    assert await held(serving) == 89 + 100, "an hour before the last hour of loads, two of regions"
    assert (await asked(serving, "a", at=minute(70).isoformat()))["features"]["n_1h"] == 60
    async with serving.db.reading() as tx:
        assert [row["entity"] for row in await tx.fetch("SELECT entity FROM entities")] == ["a"]
    to(serving, 1000)
    assert await serving.work("prune") == 1, "it goes on while anything is held, though nothing comes"
    assert await held(serving) == 0
    to(serving, 2000)
    assert await serving.work("prune") == 0


async def test_history_that_no_window_reaches_is_not_held_and_is_missed_when_one_does(serving: Running) -> None:
    short = load(FILE.replace("{last: load}", "{last: load, over: 1h}"))
    await serving.tables.put(configured(short))
    to(serving, 300)
    await serving.deliver([observed("a", number, 299, load=1.0) for number in range(0, 300, 10)])
    assert await held(serving) == 11, "the last hour, and that before it"
    assert (await asked(serving, "a"))["features"]["n_1h"] == 5
    assert (await asked(serving, "a"))["incomplete"] == []
    longer = FILE.replace("target:", "  day: {sum: load, over: 4h}\ntarget:")
    await serving.tables.put(configured(load(longer), 2))
    assert set((await asked(serving, "a"))["incomplete"]) == {"day", "now"}


async def test_many_rows_are_dropped_in_bounded_steps(serving: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("millrace.serving.job_prune.STEP", 7)
    await serving.deliver([observed(f"e{number}", 0, load=1.0) for number in range(30)])
    to(serving, 60 * 24 * 60)
    assert await serving.work("prune") == 1
    assert (await held(serving), (await serving.snapshot())["entities"]) == (0, [])


async def test_a_feature_that_looks_back_further_than_what_is_held_says_so(serving: Running) -> None:
    short = load(FILE.replace("{last: load}", "{last: load, over: 1h}"))
    await serving.tables.put(configured(short))
    await serving.deliver([observed("a", number, load=1.0) for number in range(0, 300, 10)])
    to(serving, 300)
    await serving.work("prune")
    longer = FILE.replace("target:", "  day: {sum: load, over: 4h}\n  wind_1h: {mean: wind, over: 1h}\ntarget:")
    await serving.tables.put(configured(load(longer), 2))
    assert set((await asked(serving, "a"))["incomplete"]) == {"day", "now"}
    await serving.deliver([observed("a", 300, load=1.0, wind=3.0)])
    assert set((await asked(serving, "a"))["incomplete"]) == {"day", "now", "wind_1h"}
    to(serving, 361)
    assert set((await asked(serving, "a"))["incomplete"]) == {"day", "now"}, "an hour of wind is held by now"


async def test_a_value_that_was_not_looked_at_for_a_while_is_incomplete(serving: Running) -> None:
    await serving.deliver([observed("a", 0, state="on", load=1.0)])
    without = load("".join(line for line in FILE.splitlines(keepends=True) if "state" not in line.split(":")[0]))
    await serving.tables.put(configured(without, 2))
    to(serving, 10)
    await serving.deliver([observed("a", 10, state="off", load=1.0)])
    await serving.tables.put(configured(revision=3))
    to(serving, 20)
    await serving.deliver([observed("a", 20, load=1.0)])
    assert (await asked(serving, "a"))["incomplete"] == ["states"]


@pytest.mark.parametrize(
    "said",
    [
        "data: {retired: [spare]}",
        "sources: {spare: {kind: events, purposes: [evaluate]}}",
        "data: {purposes: [evaluate]}\nsources: {meters: {kind: events, purposes: [train]}}",
    ],
)
async def test_what_a_source_observed_that_may_not_be_used_is_in_no_feature(serving: Running, said: str) -> None:
    """Not even where it is the newest, and it is in them again as soon as the source may be used."""
    to(serving, 20)
    ours = [observed("a", number, load=number / 7, region="n", state="on") for number in (12, 15)]
    await serving.deliver(ours)
    alone = await asked(serving, "a")
    theirs = [observed("a", number, source="spare", load=1e9, region="s", state="off") for number in (13, 19)]
    await serving.deliver(theirs)
    both = await asked(serving, "a")
    assert (both["features"]["n_1h"], both["features"]["region"]) == (4, "s")
    await serving.tables.put(configured(load(FILE + said), revision=2))
    assert await asked(serving, "a") == alone
    await serving.tables.put(configured(revision=3))
    assert await asked(serving, "a") == both


async def test_what_is_past_its_retention_is_in_no_feature_though_a_window_reaches_it(serving: Running) -> None:
    """As what was dated ahead: it is newer than it has been known for."""
    short = FILE.replace("{last: load}", "{last: load, over: 1h}").replace("other}", "other, over: 1h}")
    await serving.tables.put(configured(load(short + "data: {retention: 75m}\n")))
    await serving.deliver([observed("a", 30, 0, load=1.0), observed("a", 40, load=2.0)])
    to(serving, 75)
    assert (await asked(serving, "a"))["features"]["sum_1h"] == 3.0
    to(serving, 76)
    assert (await asked(serving, "a"))["features"]["sum_1h"] == 2.0
    assert (await asked(serving, "a", at=minute(75).isoformat()))["features"]["sum_1h"] == 3.0, "then it was not"


@pytest.mark.parametrize("entity", ["customer-17", "jo.doe@example.com"])
async def test_a_person_who_is_observed_is_forgotten(serving: Running, entity: str) -> None:
    """By a name that tells nothing to a mask, or by the pseudonym that ingestion gave it."""
    subject = pseudonym(entity, derived_key(SECRET, "stations"))
    kept_as = subject if "@" in entity else entity
    await serving.deliver([observed(kept_as, number, load=1.0, region="n") for number in range(3)])
    await serving.deliver([observed("a", 0, load=1.0)])
    to(serving, 5)
    assert (await asked(serving, entity))["features"]["n_1h"] == 3
    await serving.deliver([make(SubjectErased, workspace="stations", erasure="e-1", subject=subject, at=minute(5))])
    await serving.work("erase")
    (confirmed,) = await serving.emitted(ErasureConfirmed)
    assert confirmed.erased == {"observations": 6}
    assert (await asked(serving, entity))["newest"] is None
    assert (await asked(serving, "a"))["features"]["n_1h"] == 1
    await serving.deliver([observed(kept_as, 4, load=1.0), observed(kept_as, 6, load=1.0)])
    assert await held(serving) == 1 + 1, "what was known before is not taken in again, what comes after is"


async def test_erasing_goes_in_bounded_steps(serving: Running) -> None:
    await serving.deliver([observed("customer-17", number, load=1.0) for number in range(5)])
    subject = pseudonym("customer-17", derived_key(SECRET, "stations"))
    async with serving.db.transaction() as tx:
        steps = [await observations.erase_observations(tx, "stations", subject, 2) for _ in range(4)]
    assert steps == [2, 2, 1, 0]
    assert (await serving.snapshot())["entities"] == []


async def test_what_is_done_in_one_workspace_leaves_another_alone(serving: Running) -> None:
    await serving.tables.put(configured(load(FILE.replace("workspace: stations", "workspace: mills"))))
    ours = [observed("customer-17", number, load=1.0, state="on") for number in range(3)]
    theirs = [
        make(ObservationAccepted, at=one.occurred_at, **one.model_dump() | {"workspace": "mills"}) for one in ours
    ]
    await serving.deliver([*ours, *theirs])
    mills = {name: [row for row in rows if "mills" in row] for name, rows in (await serving.snapshot()).items()}
    assert len(mills["observed"]) == 6 and len(mills["entities"]) == 1
    subject = pseudonym("customer-17", derived_key(SECRET, "stations"))
    async with serving.db.transaction() as tx:
        assert await observations.erase_observations(tx, "stations", subject, 100) == 6
        far = minute(60 * 24 * 365)
        assert await observations.drop(tx, "stations", "load", far, 100) == 0
        assert await observations.forget_entities(tx, "stations", 100) == 0
    after = await serving.snapshot()
    for name in ("observed", "entities", "held"):
        assert [row for row in after[name] if "mills" in row] == mills[name]
        assert name == "held" or not [row for row in after[name] if "stations" in row]


async def test_a_task_without_methods_is_not_predicted_for_and_says_so(
    serving: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(tasks(), "tabular", replace(tasks()["tabular"], methods=(), kinds={}))
    async with serving.http() as client:
        answer = await client.post("/v1/workspaces/stations/predict", json={"text": "hello"})
        assert answer.status_code == 422
        assert (answer.json()["error"]["code"], answer.json()["error"]["task"]) == ("not_predicted", "tabular")
    await serving.deliver([make(PredictionRequested, workspace="stations", text="hello")])
    assert ["tabular" in reason for reason in await serving.dead_letters()] == [True]
    assert await serving.work() == 0, "nothing waits for ever"


async def test_what_is_no_vector_is_refused_with_the_field(serving: Running) -> None:
    for body, said in (
        ({"text": "hello"}, "a JSON object of the features of stations"),
        ({"features": {}}, "a value, or null"),
        ({"features": {"lod": 1}}, "features.lod"),
        ({"text": "{}", "entity": "a"}, "one of text, features, entity and inputs"),
    ):
        async with serving.http() as client:
            answer = await client.post("/v1/workspaces/stations/predict", json=body)
        assert answer.status_code == 422 and said in answer.text, answer.text
    await serving.deliver([make(PredictionRequested, workspace="stations", text="hello")])
    assert ["a JSON object" in reason for reason in await serving.dead_letters()] == [True]


async def test_features_of_a_workspace_without_any_are_refused(serving: Running) -> None:
    parcels = load("workspace: stations\nowner: t\ntask: classify\nlabels: {names: [late, lost]}\n")
    await serving.tables.put(configured(parcels))
    refused = await asked(serving, "a", 422)
    assert (refused["error"]["code"], refused["error"]["task"]) == ("no_features", "classify")
    await serving.deliver([observed("a", 0, load=1.0)])
    assert await held(serving) == 0
    async with serving.http() as client:
        assert (await client.post("/v1/workspaces/nobody/features", json={"entity": "a"})).status_code == 404
        assert (await client.post("/v1/workspaces/stations/features", json={})).status_code == 422
