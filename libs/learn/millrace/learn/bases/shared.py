"""Bases that a team added, in S3 for every worker: the files under their digest, then one row that is created once.

bases/NAME/DIGEST/config.json ...
bases/NAME/base.json
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from millrace.learn.bases import files, here, sources
from millrace.learn.bases.row import Kept
from millrace.learn.errors import BaseRefused, UnknownBase

if TYPE_CHECKING:
    from millrace.learn.bases.bucket import Bucket


class Blobs(Protocol):
    """The chassis'."""

    async def get(self, key: str) -> bytes: ...
    async def download(self, prefix: str, folder: Path) -> None: ...


def _row(name: str) -> str:
    return f"bases/{name}/base.json"


def _files(kept: Kept) -> str:
    return f"bases/{kept.name}/{kept.made.removeprefix('sha256:')}"


def publish(kept: Kept, bucket: Bucket) -> None:
    """Raises BaseRefused where other bytes have that name, BucketError."""
    from millrace.learn.bases.bucket import AlreadyThere

    folder = here.find(kept.name)
    for path in files.parts(folder, kept.kind):
        bucket.put_file(f"{_files(kept)}/{path.name}", path)
    try:
        bucket.create(_row(kept.name), kept.model_dump_json(indent=1).encode())
    except AlreadyThere:
        there = Kept.model_validate_json(bucket.get(_row(kept.name)))
        if there.digest != kept.digest:
            reason = f"the team has a base of that name with digest {there.digest}: a new release is a new name"
            raise BaseRefused(kept.name, reason) from None


def shared(bucket: Bucket) -> dict[str, Kept]:
    """Every base that a team added, by name. Raises BucketError."""
    rows = [key for key in bucket.each("bases/") if key.endswith("/base.json")]
    kept = [Kept.model_validate_json(bucket.get(key)) for key in rows]
    return {one.name: one for one in kept}


def take(name: str, bucket: Bucket) -> Path:
    """A base that was added elsewhere, into the cache folder here. Raises UnknownBase, BaseRefused, BucketError."""
    there = shared(bucket)
    if name not in there:
        raise UnknownBase(name, sorted({*here.listed(), *here.added(), *there}))
    part = here.cache_folder() / f".{name}.{uuid4().hex}.part"
    try:
        bucket.download(_files(there[name]), part)
        _settle(there[name], part)
    finally:
        sources.remove(part)
    return here.find(name)


async def bring(name: str, blobs: Blobs) -> None:
    """A base that was added elsewhere, from S3 into this machine's cache folder; those of this release are left alone.

    Raises what ``blobs`` does: the chassis' BlobNotFound where no base has that name.
    """
    if name in here.listed() or files.is_whole(here.cache_folder() / name):
        return
    kept = Kept.model_validate_json(await blobs.get(_row(name)))
    part = here.cache_folder() / f".{name}.{uuid4().hex}.part"
    try:
        await blobs.download(_files(kept), part)
        await asyncio.to_thread(_settle, kept, part)
    finally:
        await asyncio.to_thread(sources.remove, part)


def _settle(kept: Kept, part: Path) -> None:
    if (found := files.measure(part, kept.kind)) != kept.made:
        raise BaseRefused(kept.name, f"what came from S3 has digest {found}, where {kept.made} is expected")
    here.settle(kept.base, part)
