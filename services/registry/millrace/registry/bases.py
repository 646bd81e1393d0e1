"""Bases that a team added, as their rows in S3 tell of them (libs/learn puts them there)."""

import json

from millrace.chassis import BlobNotFound, Blobs

ROW = "base.json"


async def kinds(blobs: Blobs) -> dict[str, str]:
    """What each is, by name. Raises Unavailable."""
    rows = [key async for key in blobs.each("bases/") if key.endswith(f"/{ROW}")]
    found = {}
    for key in rows:
        try:
            row = json.loads(await blobs.get(key))
            found[str(row["name"])] = str(row["kind"])
        except (BlobNotFound, ValueError, KeyError, TypeError):
            continue  # deleted meanwhile, or not one of ours: nobody may name it
    return found
