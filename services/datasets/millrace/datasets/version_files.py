"""The files of a version, on disk."""

from pathlib import Path

from millrace.chassis import BlobNotFound, Blobs, Conflict, Database, NotFound
from millrace.datasets import store
from millrace.datasets.domain import parts


class RowsGone(Conflict):
    """Its manifest is there, its rows no longer: housekeeping took them."""

    def __init__(self, version: str) -> None:
        super().__init__(f"the rows of {version} are gone: it was past DATASETS_KEEP_VERSIONS and not pinned")
        self.version = version


async def fetch(db: Database, blobs: Blobs, version: store.Version, folder: Path) -> dict[str, Path]:
    """The files that have rows, by name. One that was rewritten meanwhile is looked for once more.

    Raises RowsGone, BlobNotFound, Unavailable.
    """
    try:
        return await _fetch(blobs, version, folder)
    except BlobNotFound:
        async with db.reading() as tx:
            return await _fetch(blobs, await store.version(tx, version.digest), folder)


async def _fetch(blobs: Blobs, version: store.Version, folder: Path) -> dict[str, Path]:
    if version.emptied_at is not None:
        raise RowsGone(version.name)
    paths: dict[str, Path] = {}
    for name, file in parts(version.body).items():
        if file.get("count"):
            paths[name] = folder / f"{name}.parquet"
            await blobs.get_file(file["rows"], paths[name])
    return paths


class NoSuchFile(NotFound):
    def __init__(self, version: str, name: str) -> None:
        super().__init__(f"{version} has no file {name!r} to give")
        self.version = version
        self.name = name
