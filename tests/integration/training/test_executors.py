"""Runs elsewhere: on Ray, and as Jobs of Kubernetes, end as they do in a child of the service."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import kubernetes_validate
import psutil
import pytest
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from harness import Running, eventually, make, running, settings_for
from training_data import children, put_dataset

from millrace.chassis import Blobs, LeaseLost, Unavailable
from millrace.events import DatasetReleased, ModelTrained, WorkspaceConfigured
from millrace.training.app import build_app
from millrace.training.executors import Executor
from millrace.training.executors.kubernetes import Kubernetes
from millrace.training.executors.process import Process
from millrace.training.executors.ray import Ray
from millrace.training.settings import Settings
from millrace.training.worker import Limits, Line, RunFailed, RunKilled
from millrace.workspace import load

WORDS = {"late": "my parcel is late and has not come", "lost": "you lost the box, nobody knows where it is"}
LIMITS = Limits(nice=0, seconds=240)


def asked(folder: Path, **fields: Any) -> Line:
    """A fine-tuning of so many steps, whatever they take; its folder is a claim's own."""
    folder.mkdir(parents=True)
    rows = folder / "rows.jsonl"
    told = [
        {"id": f"r{n}", "text": f"{WORDS[label]} {n}", "label": label, "split": "validation" if n % 6 > 3 else "train"}
        for n in range(240)
        for label in [("late", "lost")[n % 2]]
    ]
    rows.write_text("".join(json.dumps(one) + "\n" for one in told))
    request: Line = {
        "task": "classify",
        "method": "full",
        "rows": str(rows),
        "out": str(folder / "model"),
        "seed": 7,
        "threads": 1,
        "steps": 40,
        "planned_steps": 40,
        "checkpoint": str(folder / "checkpoint"),
        "checkpoint_seconds": 0.5,
        "settings": {"batch": 8},
    }
    return {**request, **fields}


def processes(folder: Path) -> list[tuple[int, int]]:
    """Those of a run, each with its parent."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = entry.joinpath("cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
            if b"millrace.training.child" in command and any(str(folder).encode() in one for one in command):
                stat = entry.joinpath("stat").read_text().rsplit(")", 1)[1].split()
                found += [(int(entry.name), int(stat[1]))] if stat[0] != "Z" else []
        except OSError:
            continue
    return found


def command_of(process: int) -> str:
    return Path(f"/proc/{process}/cmdline").read_text()


class Heard:
    """Lines of a run; `at_first` is called once, at the first of a kind."""

    def __init__(self, kind: str = "", at_first: Callable[[], Awaitable[None]] | None = None) -> None:
        self.lines: list[Line] = []
        self._kind, self._at_first = kind, at_first

    async def __call__(self, line: Line) -> None:
        self.lines.append(line)
        if self._at_first and line["kind"] == self._kind:
            act, self._at_first = self._at_first, None
            await act()


@pytest.fixture(scope="module")
async def ray() -> AsyncIterator[Ray]:
    executor = Ray("", cpus=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        await executor.start()
        yield executor
        await executor.stop()


async def test_a_run_on_ray_whose_worker_is_killed_ends_at_the_same_weights(ray: Ray, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / str(uuid4()) / "1"

    async def kill() -> None:
        ((_, worker),) = processes(folder)
        assert "ray::" in command_of(worker), "a worker of Ray has the run's process"
        os.kill(worker, signal.SIGKILL)

    heard = Heard("checkpoint", kill)
    there = await ray.train(asked(folder), folder, heard, LIMITS)
    here = tmp_path / "here" / "1"
    beside = await Process().train(asked(here), here, Heard(), LIMITS)
    assert there["resumed_from"] and beside["resumed_from"] is None
    assert there["weights_digest"] == beside["weights_digest"] and there["steps"] == 40
    assert {line["kind"] for line in heard.lines} == {"progress", "checkpoint"}
    assert processes(folder) == []


async def test_a_run_is_taken_by_the_process_that_stands_by_and_is_the_same(tmp_path: Path) -> None:
    few = {"method": "linear-probe", "steps": None, "planned_steps": None, "settings": {}}
    executor, folders = Process((0, 1, 0)), [tmp_path / name for name in ("fresh", "first", "second", "third")]
    fresh = await Process().train(asked(folders[0], **few), folders[0], Heard(), LIMITS)
    await executor.start()
    took: list[tuple[int, dict[str, Any]]] = []
    try:
        for number, folder in enumerate(folders[1:]):
            (standing,) = standing_by()
            if number == 1:
                os.kill(standing, signal.SIGKILL)
                await eventually(lambda gone=standing: not psutil.pid_exists(gone), within=10)  # and was reaped
            taken: list[int] = []

            async def look(taken: list[int] = taken) -> None:
                taken += children(os.getpid())

            made = await executor.train(asked(folder, **few), folder, Heard("progress", look), LIMITS)
            took.append((standing, made))
            assert (taken == [standing]) == (number != 1), "one that was killed is replaced by a new one"
        assert {made["weights_digest"] for _, made in took} == {fresh["weights_digest"]}
        assert len({standing for standing, _ in took}) == 3
        nicer = tmp_path / "nicer"
        await executor.train(asked(nicer, **few), nicer, Heard(), Limits(nice=5, seconds=120))
        assert len(standing_by()) == 1, "a run that is told otherwise leaves it"
    finally:
        await executor.stop()
    assert standing_by() == []


def standing_by() -> list[int]:
    mine = {child.pid: child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE}
    return sorted(pid for pid, child in mine.items() if child.cmdline()[-1:] == ["stand-by"])


async def test_what_ends_a_run_early_ends_its_process_on_ray(ray: Ray, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / str(uuid4()) / "1"

    async def lose() -> None:
        raise LeaseLost("run", "key", 1)

    with pytest.raises(LeaseLost):
        await ray.train(asked(folder), folder, Heard("progress", lose), LIMITS)
    await eventually(lambda: _none(folder), within=30)
    late = tmp_path / "runs" / str(uuid4()) / "1"
    with pytest.raises(RunFailed, match="did not end within 3 s"):
        await ray.train(asked(late, steps=100_000), late, Heard(), Limits(nice=0, seconds=3))
    await eventually(lambda: _none(late), within=30)


async def _none(folder: Path) -> bool:
    return not processes(folder)


async def test_ray_tells_why_a_run_failed_and_that_there_is_no_gpu(ray: Ray, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / str(uuid4()) / "1"
    with pytest.raises(RunFailed, match="WrongRequest: method: 'magic' is not one of"):
        await ray.train(asked(folder, method="magic"), folder, Heard(), LIMITS)
    other = tmp_path / "runs" / str(uuid4()) / "1"
    with pytest.raises(RunFailed, match="DeviceMissing: device gpu: no node of the Ray cluster has one"):
        await ray.train(asked(other, device="gpu"), other, Heard(), LIMITS)


FILE = """
workspace: parcels
owner: support-ml
task: classify
labels: {names: [late, lost]}
train: {methods: [linear-probe], min_labels: 50}
"""


async def picked(training: Running) -> ModelTrained:
    """A whole cycle."""
    spec = load(FILE)
    fields: dict[str, Any] = {"revision": 1, "spec": spec.plain(), "digest": spec.digest(), "by": "ada"}
    await training.tables.put(make(WorkspaceConfigured, **fields))
    async with training.http() as client:
        opened = (await client.post("/v1/workspaces/parcels/train", json={"by": "ada"})).json()
    manifest = await put_dataset(Blobs(training.service.settings), "parcels")
    told: dict[str, Any] = {"dataset": "sha256:rows", "manifest": manifest, "rows": {}, "labels": {}, "attempt": 1}
    await training.deliver([make(DatasetReleased, cycle_id=UUID(opened["cycle"]), **told)])
    await training.work("plan", "run", "pick")
    (trained,) = await training.emitted(ModelTrained)
    return trained


async def test_a_cycle_trains_on_ray(stack, ray: Ray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("millrace.training.app.executor_of", lambda settings: ray)
    monkeypatch.setattr(ray, "start", _nothing)
    monkeypatch.setattr(ray, "stop", _nothing)
    async with running(stack, "training", build_app, work_dir=tmp_path / "runs") as training:
        trained = await picked(training)
        assert trained.method == "linear-probe" and trained.scores["macro_f1"] > 0.9
        assert not any((tmp_path / "runs").iterdir())


async def _nothing() -> None:
    return None


class Cluster:
    """What Kubernetes answers to calls for Jobs, each of which is a process here: the protocol, no cluster."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.tokens: set[str] = set()
        self.status = 0
        self.reason = ""

    def app(self) -> FastAPI:
        app, jobs = FastAPI(), "/apis/batch/v1/namespaces/ml/jobs"

        @app.middleware("http")
        async def seen(request: Request, go_on: Any) -> Response:
            self.tokens.add(request.headers["authorization"])
            if self.status:
                return JSONResponse({"kind": "Status", "message": self.reason}, self.status)
            return await go_on(request)  # type: ignore[no-any-return]

        @app.post(jobs, status_code=201)
        async def create(request: Request) -> dict[str, Any]:
            job = await request.json()
            kubernetes_validate.validate(job, "1.30", strict=True)
            (container,) = job["spec"]["template"]["spec"]["containers"]
            command = [sys.executable, *container["command"][1:], str(os.getpid()), *container["args"][1:]]
            self.jobs[job["metadata"]["name"]] = job
            self.running[job["metadata"]["name"]] = await asyncio.to_thread(subprocess.Popen, command)
            return dict(job)

        @app.get(jobs)
        async def each(labelSelector: str) -> dict[str, Any]:  # noqa: N803
            name, _, value = labelSelector.partition("=")
            return {"items": [job for job in self.jobs.values() if job["metadata"]["labels"].get(name) == value]}

        @app.get(f"{jobs}/{{name}}")
        async def one(name: str, response: Response) -> dict[str, Any]:
            if name not in self.jobs:
                response.status_code = 404
                return {"message": "not found"}
            code = self.running[name].poll()
            kind = "Complete" if code == 0 else "Failed"
            conditions = [] if code is None else [{"type": kind, "status": "True", "reason": "BackoffLimitExceeded"}]
            return {**self.jobs[name], "status": {"conditions": conditions}}

        @app.delete(f"{jobs}/{{name}}")
        async def delete(name: str, propagationPolicy: str) -> dict[str, Any]:  # noqa: N803
            assert propagationPolicy == "Background"
            self.jobs.pop(name, None)
            self.running[name].kill()
            return {}

        @app.get("/api/v1/namespaces/ml/pods")
        async def pods(labelSelector: str) -> dict[str, Any]:  # noqa: N803
            code = self.running[labelSelector.removeprefix("job-name=")].poll() or 0
            told = {"exitCode": 128 - code if code < 0 else code, "reason": self.reason or "Error"}
            return {"items": [{"status": {"containerStatuses": [{"state": {"terminated": told}}]}}]}

        return app


@asynccontextmanager
async def cluster(tmp_path: Path, **more: Any) -> AsyncIterator[tuple[Cluster, dict[str, Any]]]:
    """With the settings that lead to it."""
    account = tmp_path / "account"
    account.mkdir()
    (account / "namespace").write_text("ml")
    (account / "token").write_text("first\n")
    found = Cluster()
    server = uvicorn.Server(uvicorn.Config(found.app(), host="127.0.0.1", port=0, log_level="warning"))
    serving = asyncio.create_task(server.serve())
    await eventually(lambda: _is(server.started), within=10)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield (
        found,
        {
            "executor": "kubernetes",
            "kubernetes_url": f"http://127.0.0.1:{port}",
            "kubernetes_account": account,
            "kubernetes_image": "registry.example/millrace/training:0.1.0",
            "kubernetes_claim": "runs",
            "work_dir": tmp_path / "runs",
            **more,
        },
    )
    server.should_exit = True
    await serving


async def _is(value: bool) -> bool:
    return value


@asynccontextmanager
async def started(stack: Any, settings: dict[str, Any]) -> AsyncIterator[Executor]:
    told = settings_for(stack, "training", "unused", **settings)
    assert isinstance(told, Settings)
    executor = Kubernetes(told)
    await executor.start()
    yield executor
    await executor.stop()


async def test_a_cycle_trains_in_jobs_of_kubernetes(stack, tmp_path: Path) -> None:
    async with (
        cluster(tmp_path) as (there, settings),
        running(stack, "training", build_app, **settings) as training,
    ):
        trained = await picked(training)
        assert trained.method == "linear-probe" and trained.scores["macro_f1"] > 0.9
        assert there.tokens == {"Bearer first"} and len(there.running) == 1
        assert there.jobs == {}, "a Job that ended is deleted"
        assert not any((tmp_path / "runs").iterdir())


async def test_a_killed_pod_is_another_claims_and_an_older_claims_job_is_ended(stack, tmp_path: Path) -> None:
    run = tmp_path / "runs" / str(uuid4())
    async with cluster(tmp_path) as (there, settings), started(stack, settings) as executor:

        async def kill() -> None:
            next(iter(there.running.values())).kill()

        with pytest.raises(RunKilled, match="signal 9"):
            await executor.train(asked(run / "1"), run / "1", Heard("checkpoint", kill), LIMITS)
        old = asyncio.create_task(executor.train(asked(run / "2"), run / "2", Heard(), LIMITS))
        await eventually(lambda: _is(bool(there.jobs)), within=30)
        (settings["kubernetes_account"] / "token").write_text("second\n")  # the kubelet renews it in place
        done = await executor.train(asked(run / "3", steps=3, planned_steps=3), run / "3", Heard(), LIMITS)
        assert done["steps"] == 3 and "Bearer second" in there.tokens
        with pytest.raises(RunKilled, match="was deleted"):
            await old
        assert there.jobs == {}


async def test_what_ends_a_run_early_deletes_its_job(stack, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / str(uuid4()) / "1"

    async def lose() -> None:
        raise LeaseLost("run", "key", 1)

    async with cluster(tmp_path) as (there, settings), started(stack, settings) as executor:
        with pytest.raises(LeaseLost):
            await executor.train(asked(folder), folder, Heard("progress", lose), LIMITS)
        assert there.jobs == {}
        await eventually(lambda: _none(folder), within=10)


async def test_kubernetes_tells_why_a_run_failed(stack, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    async with cluster(tmp_path) as (there, settings), started(stack, settings) as executor:
        with pytest.raises(RunFailed, match="WrongRequest: method: 'magic' is not one of"):
            await executor.train(asked(runs / "a" / "1", method="magic"), runs / "a" / "1", Heard(), LIMITS)
        with pytest.raises(RunFailed, match="device gpu: TRAINING_KUBERNETES_GPU names no resource"):
            await executor.train(asked(runs / "b" / "1", device="gpu"), runs / "b" / "1", Heard(), LIMITS)
        there.reason = "OOMKilled"

        async def kill() -> None:
            list(there.running.values())[-1].kill()

        with pytest.raises(RunFailed, match="OutOfMemory: Kubernetes ended it"):
            await executor.train(asked(runs / "c" / "1"), runs / "c" / "1", Heard("progress", kill), LIMITS)
        there.status, there.reason = 422, "spec.template.spec.containers: Required value"
        with pytest.raises(Unavailable, match=r"422 for GET .*: spec\.template"):
            await executor.train(asked(runs / "d" / "1"), runs / "d" / "1", Heard(), LIMITS)
        there.status, there.reason = 403, "jobs.batch is forbidden"
        with pytest.raises(Unavailable, match=r"403 for GET .*: jobs\.batch is forbidden"):
            await executor.train(asked(runs / "e" / "1"), runs / "e" / "1", Heard(), LIMITS)
