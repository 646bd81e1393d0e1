"""Registering and staging versions beside MLflow's registry: its server, and Postgres behind both. And how long a
promotion takes until callers are answered by it.

A version is registered when it has its number, its files were looked at and it is signed (ours), or when the server
has answered model-versions/create (MLflow's); it is staged when a person's promotion is answered, which here means that
the route is on its topic (ours), or when the alias `production` is set (MLflow's). As many models at once as
`--models`, one version after the other of each; `ratio` is our seconds a version by theirs.

    make bench-registry
    python bench/registry.py [--models 8] [--versions 25] [--switches 20]
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from mlflow_peer import mlflow
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests")]

import harness  # noqa: E402
from processes import process  # noqa: E402

from millrace.chassis import Blobs  # noqa: E402
from millrace.events import Envelope, ModelTrained  # noqa: E402
from millrace.stack import Endpoints, Stack  # noqa: E402

LABELS = {
    "late": "where is my parcel|it is late",
    "lost": "you lost it|nobody can find it",
    "damaged": "it is torn|broken",
}
FILE = "workspace: {name}\nowner: bench\ntask: classify\nlabels: {{names: [damaged, late, lost]}}\n"
TRAINED = {"method": "linear-probe", "base": "minilm", "task": "classify", "workspace_revision": 1, "attempt": 1}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=8)
    parser.add_argument("--versions", type=int, default=25)
    parser.add_argument("--switches", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-registry-") as folder:
        Path(folder).chmod(0o755)
        with Stack(Path(folder) / "stack") as stack:
            print(json.dumps(asyncio.run(bench(stack, Path(folder), given))))


async def bench(stack: Endpoints, folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    await harness.prepare(stack)
    model, digest = await asyncio.to_thread(trained, folder)
    async with (
        harness.database(stack, "registry", "serving") as dsn,
        harness.database(stack) as other,
        process(stack, "registry", dsn, folder / "registry.log", {}) as registry,
        mlflow(other, folder) as peer,
    ):
        blobs = Blobs(harness.settings_for(stack, "registry", dsn))
        await theirs(peer, "warm", 2, 2)
        await ours(stack, registry.url, blobs, model, digest, "warm", 2, 2)
        mine, their = [], []
        for turn in range(3):
            Console(stderr=True).print(f"[dim]round {turn + 1} of 3")
            their.append(await theirs(peer, f"r{turn}", given.models, given.versions))
            mine.append(await ours(stack, registry.url, blobs, model, digest, f"r{turn}", given.models, given.versions))
        async with process(stack, "serving", dsn, folder / "serving.log", {"CACHE": folder / "cache"}) as serving:
            switches = await served(stack, registry.url, serving.url, blobs, model, digest, given.switches)
    return told(mine, their, switches, given)


def told(mine: list[float], their: list[float], switches: list[float], given: argparse.Namespace) -> dict[str, Any]:
    count = given.models * given.versions
    one, other = (statistics.median(rounds) / count for rounds in (mine, their))
    table = Table("", "ms a version", title=f"{count} versions of {given.models} models, registered and staged")
    table.add_row("millrace", f"{one * 1000:.1f}")
    table.add_row("MLflow", f"{other * 1000:.1f}")
    Console().print(table)
    return {
        "version_ms": round(one * 1000, 1),
        "mlflow_version_ms": round(other * 1000, 1),
        "ratio": round(one / other, 3),
        "promoted_to_served_s": round(statistics.median(switches), 3),
        "promoted_to_served_slowest_s": round(max(switches), 3),
    }


def trained(folder: Path) -> tuple[Path, str]:
    """A small classifier's folder, and its digest."""
    from millrace.learn import TrainRequest, digest
    from millrace.learn.training import train

    rows = [
        {"id": f"{label}-{n}-{at}", "text": f"{text} {n}", "label": label, "split": "validation" if n == 4 else "train"}
        for label, said in LABELS.items()
        for at, text in enumerate(said.split("|"))
        for n in range(5)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = folder / "model"
    train(TrainRequest(task="classify", method="linear-probe", rows=folder / "rows.jsonl", out=out), lambda *_: None)
    return out, digest(out)


def event(workspace: str, artifact: str, digest: str) -> ModelTrained:
    now = harness.FakeClock().now()
    return ModelTrained.create(
        Envelope(id=uuid4(), source="bench", occurred_at=now, known_at=now),
        workspace=workspace,
        run_id=str(uuid4()),
        dataset="sha256:rows",
        manifest=f"{workspace}/datasets/rows.json",
        artifact=artifact,
        digest=digest,
        labels=sorted(LABELS),
        seed=7,
        seconds=1.0,
        **TRAINED,
    )


async def ours(
    stack: Endpoints, url: str, blobs: Blobs, model: Path, digest: str, prefix: str, models: int, versions: int
) -> float:
    """Seconds for all of them, from the first model.trained to the last answered promotion."""
    names = [f"{prefix}-{number}" for number in range(models)]
    async with httpx.AsyncClient(base_url=url, timeout=120) as client:
        for name in names:
            (await client.post("/v1/workspaces?by=bench", content=FILE.format(name=name))).raise_for_status()
        artifact = f"{prefix}/models/{UUID(int=1)}"
        await blobs.upload(model, artifact)
        bus, began = harness.Bus(stack), time.perf_counter()
        await bus.publish(*(event(name, artifact, digest) for _ in range(versions) for name in names))
        await asyncio.gather(*(staged(client, name, versions) for name in names))
        return time.perf_counter() - began


async def staged(client: httpx.AsyncClient, name: str, versions: int) -> None:
    """Promotes the versions of a workspace one after the other, once they are signed."""
    revision = 0
    await harness.eventually(lambda: signed(client, name, versions), within=120)
    for number in range(1, versions + 1):
        body = {"version": f"{name}-{number}", "revision": revision, "by": "bench"}
        answer = await client.post(f"/v1/workspaces/{name}/promote", json=body)
        answer.raise_for_status()
        revision = answer.json()["revision"]


async def signed(client: httpx.AsyncClient, name: str, count: int) -> bool:
    """Whether a workspace has so many versions that are."""
    found = (await client.get(f"/v1/workspaces/{name}/versions", params={"limit": 1000})).json()
    return sum(bool(one["deployment"].get("signature")) for one in found) == count


async def theirs(url: str, prefix: str, models: int, versions: int) -> float:
    """Seconds for as many of MLflow's, from the first create to the last alias."""
    names = [f"{prefix}-{number}" for number in range(models)]
    async with httpx.AsyncClient(base_url=f"{url}/api/2.0/mlflow", timeout=120) as client:
        for name in names:
            (await client.post("/registered-models/create", json={"name": name})).raise_for_status()
        began = time.perf_counter()
        await asyncio.gather(*(registered(client, name, versions) for name in names))
        return time.perf_counter() - began


async def registered(client: httpx.AsyncClient, name: str, versions: int) -> None:
    for _ in range(versions):
        made = await client.post("/model-versions/create", json={"name": name, "source": f"s3://models/{name}"})
        made.raise_for_status()
        alias = {"name": name, "alias": "production", "version": made.json()["model_version"]["version"]}
        (await client.post("/registered-models/alias", json=alias)).raise_for_status()


async def served(
    stack: Endpoints, registry: str, serving: str, blobs: Blobs, model: Path, digest: str, switches: int
) -> list[float]:
    """Seconds from asking for a promotion to the first answer by that version, to and fro between two."""
    await blobs.upload(model, "served/models/one")
    async with httpx.AsyncClient(timeout=60) as client:
        declared = FILE.format(name="served")
        (await client.post(f"{registry}/v1/workspaces?by=bench", content=declared)).raise_for_status()
        await harness.Bus(stack).publish(*(event("served", "served/models/one", digest) for _ in range(2)))
        found, revision = [], 0
        async with httpx.AsyncClient(base_url=registry, timeout=60) as asking:
            await harness.eventually(lambda: signed(asking, "served", 2), within=120)
        for number in range(switches + 2):
            version = f"served-{number % 2 + 1}"
            body = {"version": version, "revision": revision, "by": "bench"}
            began = time.perf_counter()
            answer = await client.post(f"{registry}/v1/workspaces/served/promote", json=body)
            answer.raise_for_status()
            revision = answer.json()["revision"]
            await answered_by(client, serving, version)
            if number >= 2:  # the first two are fetched and loaded
                found.append(time.perf_counter() - began)
        return found


async def answered_by(client: httpx.AsyncClient, serving: str, version: str) -> None:
    for _ in range(6000):
        if await answering(client, serving) == version:
            return
        await asyncio.sleep(0.005)
    sys.exit(f"{version} was promoted and does not answer")


async def answering(client: httpx.AsyncClient, serving: str) -> str | None:
    answer = await client.post(f"{serving}/v1/workspaces/served/predict", json={"text": "where is my parcel"})
    return str(answer.json()["version"]) if answer.status_code == 200 else None


if __name__ == "__main__":
    main()
