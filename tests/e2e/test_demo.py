"""The whole story as a person starts it: a bare data folder, every real part, ten services."""

import asyncio
import json
import os
import sys
from typing import Any

import pytest

MINUTES_AT_MOST = 15


@pytest.fixture(scope="module")
async def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("demo")
    file = folder / "summary.json"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "millrace.cli", "demo", "--exit", "--summary", str(file)),
        env={**os.environ, "MILLRACE_DATA": str(folder / "data")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), MINUTES_AT_MOST * 60)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    assert file.exists(), said.decode()[-4000:]
    summary: dict[str, Any] = json.loads(file.read_text())
    broken = [
        f"{step['name']}: {check['promise']} (seen: {check['seen']})"
        for step in summary["steps"]
        for check in step["evidence"]["checks"]
        if not check["kept"]
    ]
    assert process.returncode == (0 if summary["ok"] else 1), said.decode()[-4000:]
    assert not broken, "\n".join([*broken, said.decode()[-4000:]])
    return summary


@pytest.mark.timeout(MINUTES_AT_MOST * 60 + 60)
async def test_every_promise_of_the_story_is_kept(told: dict[str, Any]) -> None:
    assert told["ok"]
    assert len(told["steps"]) == 8


@pytest.mark.timeout(MINUTES_AT_MOST * 60 + 60)
async def test_not_one_request_failed_through_any_switch(told: dict[str, Any]) -> None:
    assert told["counts"]["failed_requests"] == 0
    assert told["counts"]["predictions"] > 5000


@pytest.mark.timeout(MINUTES_AT_MOST * 60 + 60)
async def test_quality_fell_and_came_back(told: dict[str, Any]) -> None:
    before, worst, after = (told["regained"][name] for name in ("before", "worst", "after"))
    assert before - worst >= 0.10
    assert before - after <= 0.05
    assert told["detection"]["requests"] > 0


@pytest.mark.timeout(MINUTES_AT_MOST * 60 + 60)
async def test_the_versions_ended_where_they_belong(told: dict[str, Any]) -> None:
    stages = [one["stage"] for one in told["versions"]]
    assert stages == ["superseded", "production", "rejected", "rolled-back"]


@pytest.mark.timeout(MINUTES_AT_MOST * 60 + 60)
async def test_intake_was_counted_right(told: dict[str, Any]) -> None:
    counts = told["counts"]
    assert counts["published"] == counts["kept"] + counts["duplicated"] + counts["rejected"]
    assert (counts["duplicated"], counts["masked"], counts["rejected"]) == (120, 48, 36)
