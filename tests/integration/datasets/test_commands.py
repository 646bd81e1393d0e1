"""What a person types, against the service's real HTTP."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import uvicorn
import yaml
from harness import Running, running
from parcels import configured, cut, many

from millrace.cli.main import run
from millrace.datasets.app import build_app
from millrace.stack import Endpoints


@pytest.fixture
async def datasets(stack: Endpoints, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    """Two versions with their profiles, and the service on a port that commands find."""
    async with running(stack, "datasets", build_app, part_rows=10) as service:
        await service.tables.put(configured())
        for number in range(2):
            await service.deliver(many(range(number * 30, number * 30 + 30)))
            await cut(service, number + 1)
            await service.work("profile")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            server = uvicorn.Server(uvicorn.Config(service.service.app(), log_level="warning"))
            serving = asyncio.create_task(server.serve(sockets=[free]))
            monkeypatch.setenv("MILLRACE_DATASETS_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
            yield service
            server.should_exit = True
            await serving


async def typed(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert await asyncio.to_thread(run, ["datasets", *words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


async def test_the_whole_of_it(datasets: Running, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    listed = await typed(capsys, "list", "parcels")
    assert [each["name"] for each in listed["datasets"]] == ["parcels@2", "parcels@1"]
    assert (await typed(capsys, "show", "parcels@1"))["content"]["splits"]["train"]["rows"] == 21
    assert (await typed(capsys, "diff", "parcels@1", "parcels@2"))["added"] == 30
    to = str(tmp_path / "out")
    exported = await typed(capsys, "export", "parcels@2", "--to", to, "--format", "huggingface")
    assert {Path(each["file"]).name for each in exported["files"]} >= {"README.md", "train-00000-of-00001.parquet"}
    (config,) = yaml.safe_load((tmp_path / "out/README.md").read_text().split("---")[1])["configs"]
    rows = sum(pq.read_table(tmp_path / "out" / each["path"]).num_rows for each in config["data_files"])
    assert rows == 60
    assert (await typed(capsys, "export", "parcels@2", "--to", to, code=1))["error"]["code"] == "exists"
    page = tmp_path / "profile.html"
    await typed(capsys, "profile", "parcels@2", "--out", str(page))
    assert "parcels@2" in page.read_text() and (await typed(capsys, "profile", "parcels@2"))["rows"] == 60
    assert (await typed(capsys, "pin", "parcels@1", "--by", "ada", "--reason", "the paper"))["pinned"]
    assert (await typed(capsys, "rollback", "parcels@1", "--reason", "x"))["current"]
    assert (await typed(capsys, "show", "parcels@9", code=1))["error"]["code"] == "not_found"


async def test_people_can_read_it(datasets: Running, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ["list", "parcels"],
        ["show", "parcels@2"],
        ["diff", "parcels@1", "parcels@2"],
        ["profile", "parcels@2"],
    ):
        capsys.readouterr()
        assert await asyncio.to_thread(run, ["datasets", *words]) == 0
        assert "parcels@2" in capsys.readouterr().out
