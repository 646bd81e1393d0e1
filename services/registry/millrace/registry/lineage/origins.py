"""From a version back: its run, its dataset, its documents and where they stand in the log."""

import json
from typing import Any

import asyncpg

from millrace.chassis import BlobNotFound, Blobs


async def of(origin: asyncpg.Record, went_on: list[dict[str, Any]], blobs: Blobs) -> dict[str, Any]:
    """A version's whole lineage. What is no longer there of the data is said, not left out.

    `starts_from` is the version whose weights it started from; `went_on` are those that started from its own.
    """
    trained = json.loads(origin["trained"])
    position = json.loads(origin["trained_position"]) if origin["trained_position"] else None
    return {
        "version": origin["id"],
        "workspace": origin["workspace"],
        "stage": origin["stage"],
        "parent": origin["parent"],
        "starts_from": origin["parent"] if goes_on(trained) else None,
        "went_on": went_on,
        "owner": origin["owner"],
        "created_at": origin["created_at"],
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
            "imported": imported(trained),
            "beside": [run for run in trained["runs"] if run["run_id"] != trained["run_id"]],
        },
        "dataset": await _dataset(origin["dataset"], origin["manifest"], blobs),
    }


def imported(trained: dict[str, Any]) -> dict[str, Any] | None:
    """Where a model that was made elsewhere comes from, and who brought it; None of what was trained here."""
    if trained["method"] != "imported":
        return None
    told = trained["parameters"]
    return {name: told.get(name) for name in ("source", "form", "folder", "licence")} | {"by": trained["asked_by"]}


def goes_on(trained: dict[str, Any]) -> bool:
    """Whether a run started from production's weights; the same as `store.standings.GOES_ON` asks."""
    return trained["method"] == "declare" or "start" in trained["environment"]


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
