"""A tabular workspace, and observations of its stations. Times are minutes after the tests' start."""

from datetime import datetime, timedelta
from typing import Any

from harness import START, Running, make

from millrace.events import ObservationAccepted, WorkspaceConfigured
from millrace.workspace import Workspace, load

FILE = """
workspace: stations
owner: grid
task: tabular
entity: station
features:
  n_1h: {count: load, over: 1h}
  mean_10m: {mean: load, over: 10m}
  sum_1h: {sum: load, over: 1h}
  std_1h: {std: load, over: 1h}
  high: {max: load, over: 30m}
  low: {min: load, over: 30m}
  now: {last: load}
  states: {distinct: state, over: 1h}
  region: {category: [n, s], unknown: other}
target: {name: load, kind: regression, horizon: 10m, arrives_within: 15m}
"""
SPEC = load(FILE)


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def configured(spec: Workspace = SPEC, revision: int = 1) -> WorkspaceConfigured:
    return make(
        WorkspaceConfigured,
        workspace=spec.workspace,
        revision=revision,
        spec=spec.plain(),
        digest=spec.digest(),
        by="tests",
    )


def observed(
    entity: str,
    at: float,
    known: float | None = None,
    *,
    lane: int = 0,
    source: str = "meters",
    **values: float | str | None,
) -> ObservationAccepted:
    known_at = minute(at if known is None else known)
    return make(
        ObservationAccepted,
        workspace="stations",
        lane=lane,
        source=source,
        entity=entity,
        values=values,
        at=minute(at),
        known_at=known_at,
    )


async def asked(serving: Running, entity: str, of: int = 200, **more: Any) -> dict[str, Any]:
    """What serving answers of an entity's features."""
    async with serving.http() as client:
        answer = await client.post("/v1/workspaces/stations/features", json={"entity": entity, **more})
    assert answer.status_code == of, answer.text
    shown: dict[str, Any] = answer.json()
    return shown
