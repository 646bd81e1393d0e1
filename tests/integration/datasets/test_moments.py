"""Versions of moments: cut from observations and from what was said of answers, split by time, on real parts."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from harness import SECRET, START, Running, make, running
from parcels import kept, manifest_of, request, rows_of

from millrace.datasets.app import build_app
from millrace.events import (
    DatasetFailed,
    DatasetReleased,
    ObservationAccepted,
    SubjectErased,
    WorkspaceConfigured,
)
from millrace.features import Observation, Plan, vectors, written
from millrace.privacy import derived_key, pseudonym
from millrace.stack import Endpoints
from millrace.workspace import load

TEXT = """
workspace: stations
owner: grid
task: tabular
entity: station
features: {n: {count: load, over: 10m}, mean_10m: {mean: load, over: 10m}, region: {category: [n, s], unknown: other}}
target: {name: load, kind: regression, horizon: 5m, arrives_within: 5m}
"""
STATES = TEXT.replace("name: load, kind: regression", "name: state, kind: classification")
PERSON = pseudonym("customer-17", derived_key(SECRET, "stations"))


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def observed(entity: str, at: float, *, source: str = "meters", **values: float | str | None) -> ObservationAccepted:
    fields: dict[str, Any] = {"workspace": "stations", "lane": 0, "source": source, "entity": entity}
    return make(ObservationAccepted, at=minute(at), known_at=minute(at), values=values, **fields)


def series(entity: str, count: int, since: float = 0) -> list[ObservationAccepted]:
    states = ("high", "low")
    return [
        observed(entity, since + at, load=float(at % 7), state=states[at % 3 == 0], region="n") for at in range(count)
    ]


def declared(text: str = TEXT) -> WorkspaceConfigured:
    spec = load(text)
    fields: dict[str, Any] = {"workspace": "stations", "revision": 1, "by": "t"}
    return make(WorkspaceConfigured, spec=spec.plain(), digest=spec.digest(), **fields)


@pytest.fixture
async def datasets(stack: Endpoints) -> AsyncIterator[Running]:
    async with running(stack, "datasets", build_app, observation_rows=50) as service:
        await service.tables.put(declared())
        for blob in [blob async for blob in service.service.blobs.each("stations/")]:
            await service.service.blobs.delete(blob)
        yield service


async def cut(datasets: Running, number: int = 1, **fields: Any) -> dict[str, Any]:
    """The manifest of a version cut now."""
    await datasets.deliver([request(number, workspace="stations", **fields)])
    await datasets.work("cut", "flush-observations")
    return await manifest_of(datasets, (await datasets.emitted(DatasetReleased))[-1])


async def rows(datasets: Running, manifest: dict[str, Any]) -> list[dict[str, Any]]:
    files = (manifest["training"], manifest["suites"]["fresh"])
    return [row for file in files for row in await rows_of(datasets, file)]


def of_split(found: list[dict[str, Any]], split: str) -> list[datetime]:
    return [row["occurred_at"] for row in found if row["split"] == split]


async def test_splits_are_stretches_of_time_and_no_truth_is_of_the_next(datasets: Running) -> None:
    await datasets.deliver(series("a", 100) + series("b", 100))
    manifest = await cut(datasets)
    found = await rows(datasets, manifest)
    train, validation, fresh = (of_split(found, split) for split in ("train", "validation", "fresh"))
    horizon = timedelta(minutes=5)
    assert max(train) + horizon < min(validation) and max(validation) + horizon < min(fresh)
    assert (len(train), len(validation), len(fresh)) == (130, 20, 30)
    assert manifest["lineage"]["left_out"] == {"its truth is of the next split's time": 20}
    assert manifest["labels"] == [] and manifest["content"]["splits"]["train"]["labels"] == {"load": 130}
    (released,) = await datasets.emitted(DatasetReleased)
    assert (released.labels, released.rows["fresh"]) == ({"load": 130}, 30)
    assert Counter(row["cluster"] for row in found).most_common(1)[0][1] == 10, "two horizons of an entity are one"


async def test_features_are_those_of_their_moment(datasets: Running) -> None:
    events = series("a", 60)
    await datasets.deliver(events)
    found = {row["occurred_at"]: row for row in await rows(datasets, await cut(datasets))}
    known = [Observation("a", one.occurred_at, one.known_at, str(one.id), one.values) for one in events]
    moments = sorted(found)
    told = vectors(Plan.of(load(TEXT)), [("a", at) for at in moments], known)
    assert [found[at]["text"] for at in moments] == [written(vector) for vector in told]
    truths = {one.occurred_at: repr(one.values["load"]) for one in events}
    assert all(found[at]["label"] == truths[at + timedelta(minutes=5)] for at in moments)
    last = json.loads(found[minute(50)]["text"])
    assert (last["n"], last["region"]) == (10, "n")


async def test_the_same_observations_make_the_same_version(datasets: Running) -> None:
    await datasets.deliver(series("a", 80))
    first = await cut(datasets)
    await datasets.work("flush-observations")
    assert (await cut(datasets, 2))["digest"] == first["digest"]
    await datasets.deliver(series("a", 3, since=100))
    assert (await cut(datasets, 3))["digest"] != first["digest"]


async def test_a_cut_waits_for_moments_and_says_how_many_are_missing_at_the_deadline(datasets: Running) -> None:
    await datasets.deliver(series("a", 30))
    await datasets.deliver([request(1, workspace="stations", min_labels=50, deadline=minute(60))])
    await datasets.work("cut")
    assert await datasets.emitted(DatasetReleased) == await datasets.emitted(DatasetFailed) == []
    await datasets.deliver(series("a", 10, since=40))
    datasets.clock.advance(120)
    await datasets.work("cut")
    assert await datasets.emitted(DatasetReleased) == []
    datasets.clock.advance(3600)
    await datasets.work("cut")
    (failed,) = await datasets.emitted(DatasetFailed)
    assert failed.reason == "missing at the deadline: 10 of 50 moments with a known load since the change"
    assert failed.missing == {"*": 10}


async def test_a_cut_that_waited_is_made_once_enough_came(datasets: Running) -> None:
    await datasets.deliver(series("a", 30))
    await datasets.deliver([request(1, workspace="stations", min_labels=50, deadline=minute(600))])
    await datasets.work("cut")
    await datasets.deliver(series("a", 30, since=40))
    datasets.clock.advance(60)
    await datasets.work("cut")
    (released,) = await datasets.emitted(DatasetReleased)
    assert sum(released.rows.values()) > 40


async def test_one_label_alone_teaches_nothing(datasets: Running) -> None:
    await datasets.tables.put(declared(STATES))
    await datasets.deliver([observed("a", at, load=1.0, state="low") for at in range(60)])
    await datasets.deliver([request(1, workspace="stations")])
    await datasets.work("cut")
    (failed,) = await datasets.emitted(DatasetFailed)
    assert failed.reason == "the rows to learn from say 'low' of state and nothing else"


async def test_labels_are_those_of_the_training_rows(datasets: Running) -> None:
    await datasets.tables.put(declared(STATES))
    late = [observed("a", 100, load=1.0, state="never seen")]
    await datasets.deliver(series("a", 100) + late)
    manifest = await cut(datasets)
    assert manifest["labels"] == ["high", "low"]
    assert manifest["lineage"]["left_out"]["its label is in no training row"] == 1


async def test_after_a_change_older_rows_train_alone_and_are_replayed_by_their_share(datasets: Running) -> None:
    await datasets.deliver(series("a", 100))
    found = await rows(datasets, await cut(datasets, change_point=minute(50)))
    assert min(of_split(found, "validation")) > minute(75)
    assert len([at for at in of_split(found, "train") if at < minute(50)]) == 55
    await datasets.tables.put(declared(TEXT + "train: {replay: 0.0}\n"))
    found = await rows(datasets, await cut(datasets, 2, change_point=minute(50)))
    assert min(row["occurred_at"] for row in found) == minute(50)


def said(number: int, at: float, text: str, label: str = "3.5", **fields: Any) -> Any:
    return kept(
        number,
        label,
        at=minute(at),
        workspace="stations",
        text=text,
        feedback_id=f"f{number}",
        source="agent",
        **fields,
    )


async def test_outcomes_of_answers_join_with_the_features_that_were_asked(datasets: Running) -> None:
    vector = {"n": 3, "mean_10m": 2.5, "region": "s"}
    asked = json.dumps(vector)
    await datasets.deliver(series("a", 100))
    await datasets.deliver(
        [
            said(1, 20, asked),
            said(2, 95, asked),
            said(3, 95, asked, basis="shown"),
            said(4, 20, asked, basis="shown"),
            said(5, 20, asked, label="much"),
            said(6, 20, '{"n": 3}'),
            kept(7, "3.5", at=minute(20), workspace="stations", text="some words"),
        ]
    )
    manifest = await cut(datasets)
    found = {row["id"]: row for row in await rows(datasets, manifest)}
    assert (found["d1"]["split"], found["d2"]["split"], found["d4"]["split"]) == ("train", "fresh", "train")
    assert json.loads(found["d1"]["text"]) == {"n": 3.0, "mean_10m": 2.5, "region": "s"}
    assert not {"d3", "d5", "d6", "d7"} & found.keys()
    left_out = manifest["lineage"]["left_out"]
    assert left_out["what was said is no finite number"] == 1
    assert left_out["what was asked has not the features that are declared"] == 1
    assert left_out["no outcome of an answer"] == 1
    assert left_out["may train only, and its time is held out"] == 1


async def test_who_is_forgotten_is_in_no_version(datasets: Running) -> None:
    await datasets.deliver(series("customer-17", 60) + series("b", 60))
    manifest = await cut(datasets)
    before = await rows(datasets, manifest)
    assert any("customer-17" in row["id"] for row in before)
    fields: dict[str, Any] = {"workspace": "stations", "erasure": "e-1", "subject": PERSON}
    await datasets.deliver([make(SubjectErased, at=minute(90), **fields)])
    await datasets.work("erase")
    (released,) = await datasets.emitted(DatasetReleased)
    manifest = await manifest_of(datasets, released)
    left = await rows(datasets, manifest)
    assert left and not any("customer-17" in str(row) for row in left)
    assert manifest["redacted"]["rows"] == len(before) - len(left)
    async with datasets.http() as client:
        told = (await client.get(f"/v1/datasets/{released.dataset}")).json()
    assert sum(told["rows"].values()) == len(left)


async def test_what_is_past_the_retention_is_in_no_version(datasets: Running) -> None:
    await datasets.tables.put(declared(TEXT + "data: {retention: 31d}\n"))
    await datasets.deliver(series("a", 100))
    await cut(datasets)
    (released,) = await datasets.emitted(DatasetReleased)
    datasets.clock.advance(timedelta(days=31, minutes=60).total_seconds())
    await datasets.work("housekeep", "erase")
    left = await rows(datasets, await manifest_of(datasets, released))
    assert left and min(row["known_at"] for row in left) >= minute(60)
    datasets.clock.advance(timedelta(days=1).total_seconds())
    await datasets.work("housekeep", "erase")
    assert await rows(datasets, await manifest_of(datasets, released)) == []


@pytest.mark.parametrize("text", [TEXT, STATES])
async def test_a_version_of_moments_has_a_profile_of_its_features(datasets: Running, text: str) -> None:
    await datasets.tables.put(declared(text))
    await datasets.deliver(series("a", 100))
    await cut(datasets)
    await datasets.work("profile")
    await datasets.deliver(series("a", 20, since=200))
    await cut(datasets, 2)
    await datasets.work("profile")
    for released in await datasets.emitted(DatasetReleased):
        async with datasets.http() as client:
            page = await client.get(f"/v1/datasets/{released.dataset}/profile.html")
            told = (await client.get(f"/v1/datasets/{released.dataset}/profile.json")).json()
        assert page.status_code == 200 and "mean_10m" in page.text
        names = {"n", "mean_10m", *(("target",) if text == TEXT else ())}
        assert names == set(told["declared"]["numbers"]) and "region" in told["categories"]
        assert told["declared"]["label"] == (None if text == TEXT else "target")
