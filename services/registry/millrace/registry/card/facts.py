"""What a card is made of: the version's row, its files, its lineage, its report and the declaration that it came of."""

import json
from collections.abc import Sequence
from typing import Any

import asyncpg

from millrace.chassis import BlobNotFound, Blobs
from millrace.registry.card.limits import limits
from millrace.workspace import Workspace

FILES = 1000
"""Files of an artifact that are told."""

Json = dict[str, Any]


async def gathered(
    origin: asyncpg.Record, lineage: Json, decisions: Sequence[Json], spec: Workspace, now: Workspace, blobs: Blobs
) -> Json:
    """`spec` is the declaration that the version was trained under, `now` that of today, which says what it is for.

    What is no longer there is said to be missing.
    """
    trained, deployment = json.loads(origin["trained"]), json.loads(origin["deployment"])
    made = await _read(blobs, f"{deployment['artifact'].rstrip('/')}/version.json")
    report = await _read(blobs, origin["report"]) if origin["report"] else {"missing": "it is not judged yet"}
    files = await blobs.listed(f"{deployment['artifact'].rstrip('/')}/", FILES)
    facts: Json = {
        "version": origin["id"],
        "workspace": origin["workspace"],
        "owner": origin["owner"],
        "stage": origin["stage"],
        "created_at": origin["created_at"].isoformat(),
        "task": deployment["task"],
        "pipeline_tag": spec.meaning.pipeline_tag,
        "labels": deployment["labels"],
        "languages": list(spec.data.languages),
        "about": now.card.model_dump(mode="json"),
        "model": _model(trained, made, deployment, files),
        "training": _training(trained),
        "data": lineage["dataset"],
        "evaluation": report,
        "decisions": list(decisions),
        "deployment": deployment,
        "lineage": lineage,
        "declaration": {"revision": trained["workspace_revision"], "spec": spec.plain()},
    }
    return {**facts, "limits": limits(facts)}


def _model(trained: Json, made: Json, deployment: Json, files: Sequence[Any]) -> Json:
    told = ("encoder", "adapter", "max_length", "temperature", "reference", "missing")
    return {
        "method": trained["method"],
        "base": made.get("base") or {"name": trained["base"], "digest": None, "licence": ""},
        **{name: made[name] for name in told if made.get(name) is not None},
        "serving": deployment["parameters"],
        "digest": deployment["digest"],
        "files": [{"name": one.key.rpartition("/")[2], "bytes": one.size} for one in files],
    }


def _training(trained: Json) -> Json:
    measured = trained.get("measured") or {}
    return {
        "run": trained["run_id"],
        "seed": trained["seed"],
        "seconds": trained["seconds"],
        "cost": trained.get("cost"),
        "energy_wh": measured.get("energy_wh"),
        "parameters": trained.get("parameters") or {},
        "measured": measured,
        "environment": trained["environment"],
        "validation": trained["scores"],
        "runs": trained["runs"],
    }


async def _read(blobs: Blobs, key: str) -> Json:
    try:
        return dict(json.loads(await blobs.get(key)))
    except BlobNotFound as gone:
        return {"missing": str(gone)}
