"""Versions by name: shown, compared, exported, pinned, rolled back to, trained on again."""

import io
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from harness import START, Running, make, running
from parcels import configured, cut, ids_of, kept, manifest_of, many, request, rows_of

from millrace.datasets.app import build_app
from millrace.events import DatasetFailed, DatasetReleased, SubjectErased
from millrace.stack import Endpoints


@pytest.fixture
async def datasets(stack: Endpoints) -> AsyncIterator[Running]:
    async with running(stack, "datasets", build_app, part_rows=10, keep_versions=1) as service:
        await service.tables.put(configured())
        yield service


async def asked(datasets: Running, path: str, **params: Any) -> Any:
    async with datasets.http() as client:
        answer = await client.get(f"/v1/datasets{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()


async def done(datasets: Running, path: str, **body: Any) -> Any:
    async with datasets.http() as client:
        answer = await client.post(f"/v1/datasets{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()


async def test_a_version_is_found_by_name_by_digest_and_by_how_that_begins(datasets: Running) -> None:
    await datasets.deliver(many(range(30)))
    released = await cut(datasets)
    digits = released.dataset.removeprefix("sha256:")
    names = ("parcels@1", released.dataset, released.dataset[:20], digits[:8], digits[:12].upper(), digits)
    shown = [await asked(datasets, f"/{name}") for name in names]
    assert all(one == shown[0] for one in shown)
    assert shown[0]["name"] == "parcels@1" and shown[0]["current"] and shown[0]["digest"] == released.dataset
    assert shown[0]["rows"]["train"] == 21 and shown[0]["offsets"]
    async with datasets.http() as client:
        for unknown in ("parcels@2", "other@1", "sha256:", digits[:7], "sha256:" + "0" * 64, "parcels@9999999999999"):
            assert (await client.get(f"/v1/datasets/{unknown}")).status_code == 404, unknown


async def test_a_beginning_that_several_digests_share_is_refused_with_their_names(datasets: Running) -> None:
    twins = ["sha256:" + "ab" * 16 + end * 32 for end in "01"]
    async with datasets.service.db.transaction() as tx:
        for number, digest in enumerate(twins, start=7):
            await tx.execute(
                """INSERT INTO versions (workspace, digest, manifest, body, number, created_at)
                   VALUES ('parcels', $1, 'm', '{}', $2, now())""",
                digest,
                number,
            )
    async with datasets.http() as client:
        answer = await client.get("/v1/datasets/abababab")
    assert answer.status_code == 409 and all(digest in answer.json()["error"]["message"] for digest in twins)
    await datasets.deliver([request(1, dataset="abababab")])
    await datasets.work("cut")
    (failed,) = await datasets.emitted(DatasetFailed)
    assert failed.reason.startswith("more than one dataset begins with abababab"), (
        "whoever asks for one is told at once"
    )


async def test_a_diff_tells_rows_added_removed_relabelled_and_reworded(datasets: Running) -> None:
    await datasets.deliver(many(range(40)))
    await cut(datasets, 1)
    await datasets.deliver(
        [
            kept(3, "late", replaces="d3"),
            kept(4, "lost", text="quite another wording", replaces="d4"),
            kept(70, "late", replaces="d5"),
            *many(range(50, 53)),
        ]
    )
    await cut(datasets, 2)
    found = await asked(datasets, "/parcels@1/diff/parcels@2")
    counted = {kind: found[kind] for kind in ("added", "removed", "relabelled", "reworded", "moved")}
    assert counted == {"added": 4, "removed": 1, "relabelled": 1, "reworded": 1, "moved": 0}
    (relabelled,) = found["examples"]["relabelled"]
    assert (relabelled["id"], relabelled["was"], relabelled["label"]) == ("d3", "lost", "late")
    assert found["relabelled_from_to"] == [{"from": "lost", "to": "late", "rows": 1}]
    assert {each["id"] for each in found["examples"]["added"]} == {"d70", "d50", "d51", "d52"}
    assert [each["id"] for each in found["examples"]["removed"]] == ["d5"]
    assert found["labels"]["statistic"].startswith("Jensen-Shannon") and 0 < found["labels"]["value"] < 0.1
    assert found["lengths"]["characters"]["value"] > 0 and found["vocabulary"]["value"] > 0
    same = await asked(datasets, "/parcels@2/diff/parcels@2")
    assert same["labels"]["value"] == same["vocabulary"]["value"] == 0 and same["added"] == 0


async def test_versions_of_two_workspaces_are_not_compared(datasets: Running) -> None:
    await datasets.tables.put(configured(workspace="shop"))
    await datasets.deliver([*many(range(30)), *many(range(30), workspace="shop"), request(1)])
    await datasets.deliver([request(2, workspace="shop")])
    await datasets.work("cut", "flush")
    async with datasets.http() as client:
        answer = await client.get("/v1/datasets/parcels@1/diff/shop@1")
    assert answer.status_code == 409 and answer.json()["error"]["code"] == "other_workspace"


@pytest.mark.parametrize("form", ["parquet", "jsonl", "huggingface"])
async def test_an_export_holds_every_row_of_its_split(datasets: Running, form: str, tmp_path: Path) -> None:
    await datasets.deliver([*many(range(40)), kept(90, suite="golden", trainable=False)])
    released = await cut(datasets)
    listed = await asked(datasets, "/parcels@1/export", format=form)
    async with datasets.http() as client:
        for name in listed["files"]:
            answer = await client.get(f"/v1/datasets/parcels@1/files/{name}", params={"format": form})
            assert answer.status_code == 200, answer.text
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(answer.content)
        assert (await client.get("/v1/datasets/parcels@1/files/../x", params={"format": form})).status_code == 404
    read = dict(_read(tmp_path, form))
    assert {split: len(rows) for split, rows in read.items()} == released.rows
    assert read["golden"][0]["id"] == "d90" and read["train"][0]["text"] == "text number 0"
    assert {row["split"] for split in read for row in read[split]} == set(read)


def _read(folder: Path, form: str) -> list[tuple[str, list[dict[str, Any]]]]:
    """As another program reads it: for Hugging Face by the YAML that load_dataset goes by."""
    if form == "huggingface":
        front = yaml.safe_load((folder / "README.md").read_text().split("---")[1])
        (config,) = front["configs"]
        assert config["config_name"] == "default"
        return [(each["split"], pq.read_table(folder / each["path"]).to_pylist()) for each in config["data_files"]]
    if form == "jsonl":
        return [
            (path.stem, [json.loads(line) for line in path.read_text().splitlines()]) for path in folder.glob("*.jsonl")
        ]
    return [(path.stem, pq.read_table(path).to_pylist()) for path in folder.glob("*.parquet")]


async def test_an_export_of_other_rows_than_the_manifest_tells_of_is_refused(datasets: Running) -> None:
    await datasets.deliver(many(range(30)))
    file = (await manifest_of(datasets, await cut(datasets)))["training"]["rows"]
    table = pq.read_table(io.BytesIO(await datasets.service.blobs.get(file)))
    sink = io.BytesIO()
    pq.write_table(table.slice(1), sink)
    await datasets.service.blobs.put(file, sink.getvalue())
    async with datasets.http() as client:
        answer = await client.get("/v1/datasets/parcels@1/files/train.parquet")
    assert answer.status_code == 422 and answer.json()["error"]["code"] == "digest_mismatch"


async def test_after_a_rollback_the_next_cut_goes_on_from_there(datasets: Running) -> None:
    await datasets.deliver(many(range(30)))
    first = await cut(datasets, 1)
    await datasets.deliver(many(range(30, 40), source="bad"))
    second = await cut(datasets, 2)
    await datasets.deliver(many(range(40, 45), source="bad"))
    back = await done(datasets, "/parcels@1/rollback", by="ada", reason="bad labels")
    assert back["current"] and back["number"] == 1
    listed = await asked(datasets, "", workspace="parcels")
    assert [each["current"] for each in listed["datasets"]] == [False, True]
    assert [(each["move"], each["version"], each["by"], each["reason"]) for each in listed["moves"]] == [
        ("rollback", 1, "ada", "bad labels")
    ]
    await datasets.deliver(many(range(50, 53)))
    third = await cut(datasets, 3)
    assert second.parent == third.parent == first.dataset
    assert await ids_of(datasets, third) == {f"d{n}" for n in [*range(30), *range(50, 53)]}
    assert (await manifest_of(datasets, third))["lineage"]["left_out"] == {"rolled back": 15}
    await done(datasets, "/parcels@2/rollback", by="ada", reason="they were right")
    fourth = await cut(datasets, 4)
    assert fourth.dataset == second.dataset, "what came after the second version stays out, the labels in between not"


async def test_a_rollback_made_twice_by_one_key_is_written_down_once(datasets: Running) -> None:
    await datasets.deliver(many(range(30)))
    await cut(datasets)
    async with datasets.http() as client:
        for _ in range(2):
            await client.post(
                "/v1/datasets/parcels@1/rollback", json={"by": "ada", "reason": "x"}, headers={"Idempotency-Key": "k"}
            )
    assert len((await asked(datasets, "", workspace="parcels"))["moves"]) == 1


async def test_housekeeping_takes_the_rows_of_old_versions_but_never_of_pinned_ones(datasets: Running) -> None:
    for number in range(4):
        await datasets.deliver(many(range(number * 30, number * 30 + 30)))
        await cut(datasets, number + 1)
    await done(datasets, "/parcels@2/pin", by="ada", reason="the paper")
    await done(datasets, "/parcels@3/pin", by="ada", reason="x")
    await done(datasets, "/parcels@3/pin", pinned=False, by="ada", reason="x")
    datasets.clock.advance(86400)
    await datasets.work("housekeep")
    listed = (await asked(datasets, "", workspace="parcels"))["datasets"]
    assert [(each["number"], each["emptied_at"] is not None) for each in listed] == [
        (4, False), (3, True), (2, False), (1, True),
    ]  # fmt: skip
    async with datasets.http() as client:
        gone = await client.get("/v1/datasets/parcels@1/diff/parcels@4")
        assert gone.status_code == 409 and gone.json()["error"]["code"] == "rows_gone"
        assert (
            await client.post("/v1/datasets/parcels@1/rollback", json={"by": "ada", "reason": "x"})
        ).status_code == 409
        assert (await client.post("/v1/datasets/parcels@1/pin", json={"by": "ada", "reason": "x"})).status_code == 409
    await asked(datasets, "/parcels@2/diff/parcels@4")
    assert (await asked(datasets, "/parcels@1"))["content"], "its manifest stays"


async def test_a_cycle_may_ask_for_a_version(datasets: Running) -> None:
    await datasets.deliver(many(range(30)))
    first = await cut(datasets, 1)
    await datasets.deliver(many(range(30, 60)))
    second = await cut(datasets, 2)
    again = await cut(datasets, 3, dataset="parcels@1", min_labels=10_000)
    assert again.dataset == first.dataset and again.manifest == first.manifest and again.rows == first.rows
    assert (await asked(datasets, "/parcels@2"))["current"] and second.dataset != first.dataset
    for number, name in ((4, "parcels@7"), (5, "shop@1")):
        await datasets.deliver([request(number, dataset=name)])
        await datasets.work("cut")
        assert name in (await datasets.emitted(DatasetFailed))[-1].reason
    assert len(await datasets.emitted(DatasetReleased)) == 3


async def test_every_released_version_gets_a_profile(datasets: Running) -> None:
    await datasets.deliver(many(range(30)))
    await cut(datasets, 1)
    async with datasets.http() as client:
        early = await client.get("/v1/datasets/parcels@1/profile.html")
        assert early.status_code == 404 and early.json()["error"]["code"] == "not_profiled"
    await datasets.work("profile")
    await datasets.deliver(many(range(30, 60)))
    await cut(datasets, 2)
    await datasets.work("profile")
    found = await asked(datasets, "/parcels@2/profile.json")
    assert found["rows"] == 60 and found["version"]["parent_name"] == "parcels@1" and found["drift"]["rows"] == 30
    async with datasets.http() as client:
        page = await client.get("/v1/datasets/parcels@2/profile.html")
    assert page.headers["content-type"].startswith("text/html") and "parcels@2" in page.text
    listed = await asked(datasets, "", workspace="parcels")
    assert [each["profile"] for each in listed["datasets"]] == [True, True]


async def test_a_profile_that_is_made_again_is_the_same_to_the_byte(datasets: Running) -> None:
    await datasets.deliver(many(range(30)))
    released = await cut(datasets)
    await datasets.work("profile")
    async with datasets.http() as client:
        first = (await client.get("/v1/datasets/parcels@1/profile.html")).content
        async with datasets.db.transaction() as tx:
            await tx.execute("UPDATE versions SET profile = NULL")
            payload = json.dumps({"digest": released.dataset})
            again = "UPDATE jobs SET state = 'waiting', finished_at = NULL, payload = $1 WHERE kind = 'profile'"
            await tx.execute(again, payload)
        await datasets.work("profile")
        assert (await client.get(f"/v1/datasets/{released.dataset}/profile.html")).content == first


async def test_a_file_that_an_emptied_version_shared_goes_with_an_erasure(datasets: Running) -> None:
    golden = kept(93, text="zanzibar of ann", subject="ann", suite="golden", trainable=False)
    await datasets.deliver([golden, *many(range(30))])
    first = await cut(datasets, 1)
    await datasets.deliver(many(range(30, 60)))
    second = await cut(datasets, 2)
    shared = (await manifest_of(datasets, first))["suites"]["golden"]["rows"]
    assert shared == (await manifest_of(datasets, second))["suites"]["golden"]["rows"]
    datasets.clock.advance(86400)
    await datasets.work("housekeep")
    assert await datasets.service.blobs.exists(shared), "the second version has it still"
    await datasets.deliver([make(SubjectErased, erasure="e", subject="ann", at=START + timedelta(seconds=1))])
    await datasets.work("erase")
    assert not await datasets.service.blobs.exists(shared)
    assert "d93" not in await ids_of(datasets, second)


async def test_what_is_done_with_a_version_is_signed(datasets: Running) -> None:
    async with datasets.http() as client:
        for move in ("rollback", "pin"):
            refused = await client.post(f"/v1/datasets/parcels@1/{move}", json={})
            assert refused.status_code == 422
            assert "by" in refused.text
            refused = await client.post(f"/v1/datasets/parcels@1/{move}", json={"by": "ada", "reason": ""})
            assert refused.status_code == 422
            assert refused.json()["error"]["problems"] == [{"field": "reason", "expected": "text that is not empty"}]


async def test_a_version_of_answers_counts_them_as_one_and_keeps_pairs_and_ratings(datasets: Running) -> None:
    await datasets.tables.put(configured(2, task="generate", labels=None))
    answers = [kept(number, f"answer {number}") for number in range(30)]
    taught: list[dict[str, Any]] = [{"rejected": "a worse one"}, {"rating": -0.5, "basis": "shown"}]
    compared = [kept(number, f"answer {number}", **fields) for number, fields in zip((30, 31), taught, strict=True)]
    await datasets.deliver([*answers, *compared])
    released = await cut(datasets)
    assert released.labels == {"answer": 23}
    manifest = await manifest_of(datasets, released)
    assert manifest["labels"] == [] and manifest["content"]["splits"]["train"]["labels"] == {"answer": 23}
    assert "answer 7" not in json.dumps(manifest)
    rows = {row["id"]: row for row in await rows_of(datasets, manifest["training"])}
    assert rows["d0"]["label"] == "answer 0" and rows["d0"]["rejected"] is None
    assert rows["d30"]["rejected"] == "a worse one" and rows["d31"]["rating"] == -0.5

    await datasets.work("profile")
    async with datasets.http() as client:
        counts = (await client.get("/v1/counts", params={"workspace": "parcels"})).json()
        page = await client.get("/v1/datasets/parcels@1/profile.html")
    assert counts["labels"] == {"answer": 32} and page.status_code == 200

    await datasets.deliver([kept(0, "a better answer", replaces="d0")])
    later = await cut(datasets, 2)
    assert later.dataset != released.dataset
    differs = await asked(datasets, "/parcels@1/diff/parcels@2")
    assert differs["relabelled"] == 1 and differs["labels"]["shares"] == {"answer": {"before": 1.0, "after": 1.0}}
