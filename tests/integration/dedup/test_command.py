"""What a person types: `millrace duplicates` against a running dedup."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import uvicorn
from harness import Running, eventually
from shop import NEAR, OTHER, TEXT, document

Millrace = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
async def millrace(dedup: Running, tmp_path: Path) -> AsyncIterator[Millrace]:
    """Runs the command; its exit code, and what it says."""
    config = uvicorn.Config(dedup.service.app(), port=0, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    await eventually(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    environment = os.environ | {"MILLRACE_DEDUP_URL": f"http://127.0.0.1:{port}", "COLUMNS": "200"}

    async def run(*arguments: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "millrace.cli", "duplicates", *arguments, "--data", str(tmp_path),
            env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode()

    yield run
    server.should_exit = True
    await serving


async def test_duplicates_are_listed_and_shown_beside_what_they_repeat(dedup: Running, millrace: Millrace) -> None:
    await dedup.deliver([document("a/1"), document("b/2", NEAR), document("c", OTHER)])
    code, said = await millrace("list", "parcels")
    assert code == 0 and "b/2" in said and "a/1" in said and "near" in said
    code, said = await millrace("list", "other-shop")
    assert code == 0 and "other-shop has no duplicates" in said
    code, said = await millrace("show", "b/2")
    assert code == 0 and "near, similarity 0.9" in said
    assert TEXT.split()[-1] in said and "arived" in said
    code, said = await millrace("show", "b/2", "-w", "parcels", "--json")
    assert json.loads(said)["overlaps"][0]["document"] == [0, len("my parcel says delivered but nothing has")]
    code, said = await millrace("show", "c")
    assert code == 0 and "c repeats no other, and none repeats it" in said
    code, said = await millrace("show", "a/1")
    assert code == 0 and "a/1 repeats no other; 1 document repeats it" in said and "b/2" in said
    code, said = await millrace("show", "nothing")
    assert code == 1 and "'nothing' is not known" in said


async def test_a_document_is_found_by_how_its_id_begins(dedup: Running, millrace: Millrace) -> None:
    one, other = "0524920a-85e0-531e-8000-000000000001", "0524920a-85e0-531e-9000-000000000002"
    await dedup.deliver([document("a/1"), document(one, NEAR), document(other, NEAR + " again"), document("0524920a")])
    code, said = await millrace("list", "parcels")
    assert code == 0 and one in said and other in said
    for name in (one, "0524920a-85e0-531e-8", "0524920A85E0531E8"):
        code, said = await millrace("show", name, "--json")
        assert code == 0 and json.loads(said)["document"]["document_id"] == one, name
    code, said = await millrace("show", "0524920a-85e0")
    assert code == 1 and one in said and other in said and "more than one document" in said
    code, said = await millrace("show", "0524920a", "--json")
    assert code == 0 and json.loads(said)["document"]["document_id"] == "0524920a", "a product's own name wins"
    async with dedup.http() as client:
        told = (await client.get("/v1/documents/0524920a-85e0-531e-9/duplicates?workspace=parcels")).json()
    assert told["document"]["document_id"] == other


async def test_all_is_rebuilt_by_hand_and_what_is_kept_from_before_the_log_is_told(
    dedup: Running, millrace: Millrace
) -> None:
    """Here the topics have nothing of the workspace: all of it is carried."""
    await dedup.deliver([document("a"), document("b", NEAR)])
    await dedup.db.pool.execute("UPDATE positions SET next_offset = 0")
    code, said = await millrace("rebuild", "parcels", "--no-wait")
    assert code == 0 and "waiting, reading" in said
    await dedup.work("rebuild")
    code, said = await millrace("rebuild", "parcels", "--no-wait")
    assert code == 0
    await dedup.work("rebuild")
    async with dedup.http() as client:
        report = (await client.get("/v1/rebuild", params={"workspace": "parcels"})).json()
    assert (report["state"], report["carried"], report["told"]) == ("done", 2, 0)
    waiting = asyncio.create_task(millrace("rebuild", "parcels"))
    await eventually(lambda: _asked(dedup))
    await dedup.work("rebuild")
    code, said = await waiting
    assert code == 0 and "2 documents that the log no longer has are kept as before" in said
    assert "nothing is otherwise than it was told before" in said
    code, said = await millrace("rebuild", "other-shop")
    assert code == 1 and "nothing of workspace 'other-shop' has come yet" in said


async def _asked(dedup: Running) -> bool:
    async with dedup.db.reading() as tx:
        return bool(await tx.fetchval("SELECT EXISTS (SELECT FROM jobs WHERE kind = 'rebuild' AND state = 'waiting')"))


async def test_an_index_is_rebuilt_by_hand(dedup: Running, millrace: Millrace) -> None:
    await dedup.deliver([document("a")])
    code, said = await millrace("reindex", "parcels", "--no-wait")
    assert code == 0 and "waiting" in said
    await dedup.work("reindex")
    code, said = await millrace("reindex", "other-shop", "--no-wait")
    assert code == 1 and "nothing of workspace 'other-shop' has come yet" in said
