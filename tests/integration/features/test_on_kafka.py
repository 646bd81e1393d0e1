"""Observations on Kafka reach both who serves features and who makes tables of them."""

from datetime import UTC, datetime, timedelta
from math import fsum
from pathlib import Path
from typing import Any

from harness import Bus, Running, eventually, live, make

from millrace.datasets.app import build_app as build_datasets
from millrace.events import ObservationAccepted, WorkspaceConfigured
from millrace.serving.app import build_app as build_serving
from millrace.stack import Endpoints
from millrace.workspace import load

SPEC = load("""
workspace: stations
owner: grid
task: tabular
entity: station
lanes: 3
features: {n_1h: {count: load, over: 1h}, mean_1h: {mean: load, over: 1h}}
target: {name: load, kind: regression, horizon: 1m, arrives_within: 5m}
""")


def observations(now: datetime) -> list[ObservationAccepted]:
    about: dict[str, Any] = {"workspace": "stations", "source": "meters"}
    return [
        make(
            ObservationAccepted,
            at=now - timedelta(minutes=number),
            entity=f"station-{lane}",
            lane=lane,
            values={"load": number / 7},
            **about,
        )
        for number in range(1, 21)
        for lane in range(3)
    ]


async def served(serving: Running, at: datetime) -> dict[str, Any] | None:
    """What is answered once all is read."""
    async with serving.http() as client:
        body = {"entity": "station-1", "at": at.isoformat()}
        told: dict[str, Any] = (await client.post("/v1/workspaces/stations/features", json=body)).json()
    return told if told.get("features", {}).get("n_1h") == 20 else None


async def tabled(datasets: Running) -> dict[str, Any] | None:
    async with datasets.http() as client:
        counts = (await client.get("/v1/observations", params={"workspace": "stations"})).json()
        if counts.get("rows") != 60:
            return None
        table = (await client.post("/v1/workspaces/stations/feature-tables", json={"by": "ada"})).json()["table"]

        async def made() -> dict[str, Any] | None:
            told: dict[str, Any] = (await client.get(f"/v1/feature-tables/{table}")).json()
            return told if told["state"] == "made" else None

        found: dict[str, Any] = await eventually(made)
    return found


async def test_observations_on_kafka_are_served_and_tabled(stack: Endpoints, bus: Bus, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    fields: dict[str, Any] = {"workspace": "stations", "spec": SPEC.plain(), "digest": "-", "revision": 1, "by": "t"}
    await bus.publish(make(WorkspaceConfigured, at=now, **fields))
    async with (
        live(stack, "serving", build_serving, cache=tmp_path) as serving,
        live(stack, "datasets", build_datasets) as datasets,
    ):
        await bus.publish(*observations(now))
        told = await eventually(lambda: served(serving, now))
        assert told["features"]["mean_1h"] == fsum(number / 7 for number in range(1, 21)) / 20
        table = await eventually(lambda: tabled(datasets))
        assert (table["rows"], table["left_out"]) == (60, {})
