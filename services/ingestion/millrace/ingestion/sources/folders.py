"""Where files lie: a folder below the one that ingestion may read, or a prefix of a bucket that it may."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from millrace.chassis import Blobs, BucketNotFound, Unavailable, Unprocessable
from millrace.ingestion.settings import Settings
from millrace.workspace.problems import nearest

MOST_FILES = 100_000


class Refused(Unprocessable):
    """A place that is declared and that ingestion was not given."""


class NotThere(Unprocessable):
    """A place that was never there, or that was moved: waiting would not bring it."""


class TooMany(Unprocessable):
    def __init__(self, place: str) -> None:
        super().__init__(f"{place} has more than {MOST_FILES} files; declare a narrower place or `include`")


@dataclass(frozen=True)
class File:
    """A file by its name below the place. `tag` changes with its content."""

    name: str
    size: int
    tag: str
    modified: datetime | None
    open: Callable[[], BinaryIO]

    @property
    def kind(self) -> str:
        return self.name.rpartition(".")[2].lower() if "." in self.name else ""


class Folder(Protocol):
    async def files(self) -> list[File]:
        """In the order of their names. Raises Unavailable, Unprocessable."""


def folder(at: str, settings: Settings) -> Folder:
    """What a place names. Raises Refused."""
    if at.startswith("s3://"):
        bucket, _, prefix = at.removeprefix("s3://").partition("/")
        if bucket not in settings.source_buckets:
            raise Refused(f"bucket {bucket!r} is not among those that ingestion may read (INGESTION_SOURCE_BUCKETS)")
        return _Prefix(Blobs(settings.model_copy(update={"s3_bucket": bucket})), prefix)
    if not settings.files_root:
        raise Refused("ingestion was given no folder to read from (INGESTION_FILES_ROOT)")
    return _Local(Path(settings.files_root), at)


class _Prefix:
    def __init__(self, blobs: Blobs, prefix: str) -> None:
        self._blobs = blobs
        self._prefix = prefix

    async def files(self) -> list[File]:
        try:
            found = await self._blobs.listed(self._prefix, MOST_FILES)
        except BucketNotFound as error:
            raise NotThere(f"there is no bucket {error.bucket!r}") from error
        if len(found) > MOST_FILES:
            raise TooMany(f"s3 prefix {self._prefix!r}")
        return [
            File(
                one.key.removeprefix(self._prefix).lstrip("/") or one.key.rpartition("/")[2],
                one.size,
                f"{one.etag}/{one.size}",
                one.modified,
                lambda one=one: self._blobs.opened(one.key, one.size),  # type: ignore[misc]
            )
            for one in found
        ]


class _Local:
    def __init__(self, root: Path, at: str) -> None:
        self._root = root
        self._at = at

    async def files(self) -> list[File]:
        return await asyncio.to_thread(self._walk)

    def _walk(self) -> list[File]:
        root = self._root.resolve()
        place = (root / self._at).resolve()
        if not place.is_relative_to(root):
            raise Refused(f"{self._at!r} leads out of the folder that ingestion may read")
        if not root.is_dir():
            raise Unavailable("the folder that ingestion may read is not there (INGESTION_FILES_ROOT)")
        if not place.is_dir():
            near = nearest(self._at, [one.name for one in root.iterdir() if one.is_dir()])
            raise NotThere(f"there is no folder {self._at!r}" + (f"; did you mean {near!r}?" if near else ""))
        found: list[File] = []
        for folder, _, names in os.walk(place):
            for name in names:
                if (file := _file(Path(folder) / name, place)) is not None:
                    found.append(file)
            if len(found) > MOST_FILES:
                raise TooMany(f"folder {self._at!r}")
        return sorted(found, key=lambda file: file.name)


def _file(path: Path, place: Path) -> File | None:
    """None for what is no file of the place: links that lead out of it, pipes, what has just vanished."""
    try:
        if not path.resolve().is_relative_to(place) or not path.is_file():
            return None
        stat = path.stat()
    except OSError:
        return None
    modified = datetime.fromtimestamp(stat.st_mtime, UTC)
    name = path.relative_to(place).as_posix().encode("utf-8", "replace").decode()
    return File(name, stat.st_size, f"{stat.st_mtime_ns}/{stat.st_size}", modified, lambda: path.open("rb"))
