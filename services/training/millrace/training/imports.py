"""Models that were made elsewhere, in S3: the command line puts them there, their cycle's run brings them here."""

import asyncio
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from millrace.chassis import BlobNotFound, Blobs, Malformed
from millrace.training.domain import Import, ImportTooLarge, imports

MOST_FILES = 200


def prefix(workspace: str, digest: str) -> str:
    return f"{workspace}/imports/{digest.removeprefix('sha256:')}"


async def missing(blobs: Blobs, place: str, told: Mapping[str, int]) -> list[str]:
    """What of the files is not there yet, or not whole. Raises Unavailable."""
    return imports.missing(told, await _sizes(blobs, place))


async def bring(blobs: Blobs, workspace: str, imported: Import, folder: Path, most_mb: int) -> None:
    """The files, into a folder. Raises ImportTooLarge, BlobNotFound, Malformed, Unavailable."""
    place = prefix(workspace, imported.digest)
    sizes = await _sizes(blobs, place)
    if not sizes:
        raise BlobNotFound(place)
    if len(sizes) > MOST_FILES or any(".." in PurePosixPath(name).parts for name in sizes):
        raise Malformed(place, f"at most {MOST_FILES} files, each within it")
    refuse_too_large(sizes, most_mb)
    await asyncio.to_thread(folder.mkdir, parents=True)
    for name in sizes:
        await blobs.get_file(f"{place}/{name}", folder / name)


def refuse_too_large(sizes: Mapping[str, int], most_mb: int) -> None:
    """Raises ImportTooLarge."""
    if (size := sum(sizes.values())) > most_mb * 1_000_000:
        raise ImportTooLarge(size, most_mb)


async def _sizes(blobs: Blobs, place: str) -> dict[str, int]:
    listed = await blobs.listed(f"{place}/", MOST_FILES)
    return {one.key.removeprefix(f"{place}/"): one.size for one in listed}
