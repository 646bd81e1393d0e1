"""Where a version comes from: its run, its dataset, its documents and where they stand in the log."""

import json
from typing import Any

import asyncpg

from millrace.chassis import BlobNotFound, Blobs


async def of(origin: asyncpg.Record, blobs: Blobs) -> dict[str, Any]:
    """A version's whole lineage. What is no longer there of the data is said, not left out."""
    trained = json.loads(origin["trained"])
    position = json.loads(origin["trained_position"]) if origin["trained_position"] else None
    return {
        "version": origin["id"],
        "workspace": origin["workspace"],
        "stage": origin["stage"],
        "parent": origin["parent"],
        "cycle": str(origin["cycle_id"]) if origin["cycle_id"] else None,
        "event": {"id": str(origin["trained_id"]), "position": position},
        "artifact": {"prefix": trained["artifact"], "digest": trained["digest"]},
        "run": {
            "id": trained["run_id"],
            "method": trained["method"],
            "base": trained["base"],
            "seed": trained["seed"],
            "workspace_revision": trained["workspace_revision"],
            "environment": trained["environment"],
            "seconds": trained["seconds"],
            "scores": trained["scores"],
            "beside": [run for run in trained["runs"] if run["run_id"] != trained["run_id"]],
        },
        "dataset": await _dataset(origin["dataset"], origin["manifest"], blobs),
    }


async def _dataset(digest: str, manifest: str, blobs: Blobs) -> dict[str, Any]:
    try:
        found = json.loads(await blobs.get(manifest))
    except BlobNotFound as gone:
        return {"digest": digest, "manifest": manifest, "missing": str(gone)}
    shown = {key: found.get(key) for key in ("documents", "sources", "offsets", "labels", "lineage", "redacted")}
    splits = found.get("content", {}).get("splits", {})
    return {
        "digest": digest,
        "manifest": manifest,
        "rows": {name: one.get("rows", 0) for name, one in splits.items()},
        **shown,
    }
