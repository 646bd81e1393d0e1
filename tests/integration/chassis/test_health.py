"""A process that does its work no longer says so, or ends: it never looks healthy by answering alone."""

import asyncio
import os
import sys
from functools import partial
from typing import Any

import pytest
from harness import Bus, Running, database, eventually, live, make

from millrace.chassis import Database, GroupCommit, Service, Table, consumer
from millrace.chassis.jobs import Worker
from millrace.chassis.leases import Lease
from millrace.events import DocumentSubmitted
from millrace.probe.app import World, build_app
from millrace.stack import Endpoints


async def bug(*args: Any) -> None:
    raise RuntimeError("nobody foresaw this")


@pytest.mark.parametrize(
    ("of", "method", "loop"),
    [
        (Lease, "take", "relay"),
        (Table, "_follow", "table workspace.routed.v1"),
        (Worker, "once", "worker count-0"),
        (Database, "measure_outbox", "measuring"),
        (Database, "keep_house", "housekeeping"),
    ],
    ids=["relay", "table", "worker", "measuring", "housekeeping"],
)
async def test_a_loop_that_ends_by_a_bug_makes_the_process_ill(
    stack: Endpoints, monkeypatch: pytest.MonkeyPatch, of: type, method: str, loop: str
) -> None:
    monkeypatch.setattr(of, method, bug)
    async with live(stack, "probe", build_app) as probe:
        assert await eventually(lambda: is_ill(probe, f"{loop} has ended: RuntimeError"))


async def test_a_loop_that_is_cancelled_by_nobody_of_ours_makes_the_process_ill(stack: Endpoints) -> None:
    """As aiokafka's futures may do to whoever awaits them."""

    def build(settings: Any, clock: Any) -> Service:
        service = build_app(settings, clock=clock)
        service.resources.append(GroupCommit(service.db, bug))
        return service

    async with live(stack, "probe", build) as probe:
        [group] = probe.service.resources
        assert isinstance(group, GroupCommit)
        group.loops[0].cancel()
        assert await eventually(lambda: is_ill(probe, "group commit has ended"))


async def is_ill(probe: Running, because: str) -> bool:
    async with probe.http() as client:
        answer = await client.get("/healthz")
    return answer.status_code == 503 and any(problem.startswith(because) for problem in answer.json()["problems"])


async def test_a_service_that_stops_is_not_ill(stack: Endpoints) -> None:
    async with live(stack, "probe", build_app) as probe:
        await eventually(lambda: ready(probe))
    assert probe.service.ill() == []


async def test_a_batch_in_hand_for_too_long_is_an_illness_though_kafka_answers(
    stack: Endpoints, bus: Bus, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "STUCK", 0.5)
    world.stuck = True
    async with live(stack, "probe", partial(build_app, world=world)) as probe:
        await bus.publish(make(DocumentSubmitted, source="crm", text="t"))
        assert await eventually(lambda: is_ill(probe, "on_document_submitted"))
        world.stuck = False
        world.hold.set()


async def ready(probe: Running) -> bool:
    async with probe.http() as client:
        return (await client.get("/readyz")).status_code == 200


PROCESS = """
import sys
from millrace.chassis import SystemClock, run, service
from millrace.chassis.leases import Lease
from millrace.events import DocumentSubmitted
from millrace.probe.app import build_app
from millrace.probe.settings import Settings

async def bug(self):
    raise RuntimeError("nobody foresaw this")

service.PATIENCE = 1.0
if "bug" in sys.argv:
    Lease.take = bug
run(build_app(Settings(), clock=SystemClock()))
"""


async def outcome(stack: Endpoints, *args: str, **settings: Any) -> tuple[int | None, str]:
    """The exit code and the last words of a probe as a process of its own."""
    given = {
        "kafka": stack.kafka,
        "postgres": stack.postgres,
        "s3_url": stack.s3.url,
        "s3_access_key": stack.s3.access_key,
        "s3_secret_key": stack.s3.secret_key,
        "secret": "a test's secret",
        "http_port": 0,
        **settings,
    }
    env = {**os.environ, **{f"PROBE_{name.upper()}": str(value) for name, value in given.items()}}
    env["PYTHONPATH"] = os.pathsep.join(sys.path)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROCESS, *args, env=env, stderr=asyncio.subprocess.PIPE
    )
    try:
        _, errors = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode, errors.decode()


@pytest.mark.parametrize("part", ["kafka", "postgres"])
async def test_a_start_without_kafka_or_postgres_ends_with_an_exit_code_once_patience_is_over(
    stack: Endpoints, part: str
) -> None:
    async with database(stack, "probe") as dsn:
        away = {"kafka": "127.0.0.1:9", "postgres": "postgresql://nobody@127.0.0.1:9/none"}[part]
        code, said = await outcome(stack, **{"postgres": dsn, part: away})
    assert code == 1, said
    assert "can't start" in said.splitlines()[-1] and part in said.lower()


async def test_a_loop_that_ends_by_a_bug_ends_the_process_with_an_exit_code(stack: Endpoints) -> None:
    async with database(stack, "probe") as dsn:
        code, said = await outcome(stack, "bug", postgres=dsn)
    assert code == 3, said
    assert "nobody foresaw this" in said
