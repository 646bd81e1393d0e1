"""Blobs in S3 by the minio client, which is synchronous: its calls run in threads. Core S3 only."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import S3Error

from millrace.chassis.errors import AlreadyExists, BlobNotFound, BucketNotFound, Unavailable
from millrace.chassis.settings import Settings

T = TypeVar("T")

RANGE = 1024 * 1024
"""Bytes that are fetched at once of a blob which is read piece by piece."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A blob as a listing tells of it."""

    key: str
    size: int
    etag: str
    modified: datetime | None


class Blobs:
    """One bucket. Keys are paths; a blob that was created is never changed."""

    def __init__(self, settings: Settings) -> None:
        url = urlsplit(settings.s3_url)
        self._bucket = settings.s3_bucket
        self._http = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=5, read=60), retries=urllib3.Retry(total=2, backoff_factor=0.2), maxsize=16
        )
        self._client = Minio(
            endpoint=url.netloc,
            access_key=settings.s3_access_key,
            secret_key=settings.s3_secret_key.get_secret_value(),
            secure=url.scheme == "https",
            region="us-east-1",
            http_client=self._http,
        )

    async def _call(self, key: str, call: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(call)
        except S3Error as error:
            if error.code in {"NoSuchKey", "NoSuchObject"}:
                raise BlobNotFound(key) from error
            if error.code == "NoSuchBucket":
                raise BucketNotFound(self._bucket) from error
            raise Unavailable(f"S3: {error.code} for {key}: {error.message}") from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unavailable(f"S3: {type(error).__name__} for {key}: {error}") from error

    async def put(self, key: str, data: bytes) -> None:
        await self._call(key, lambda: self._client.put_object(self._bucket, key, io.BytesIO(data), len(data)))

    async def create(self, key: str, data: bytes) -> None:
        """Writes a blob that must not be there. Raises AlreadyExists."""

        def write() -> None:
            # the client has no argument for a precondition; a presigned request takes the header
            url = self._client.presigned_put_object(self._bucket, key)
            response = self._http.request("PUT", url, body=data, headers={"If-None-Match": "*"})
            if response.status == 412:
                raise AlreadyExists(key)
            if response.status >= 300:
                raise Unavailable(f"S3: {response.status} for {key}")

        await self._call(key, write)

    async def get(self, key: str) -> bytes:
        """A blob's bytes. Raises BlobNotFound."""

        def read() -> bytes:
            response = self._client.get_object(self._bucket, key)
            try:
                return bytes(response.read())
            finally:
                response.close()
                response.release_conn()

        return await self._call(key, read)

    async def exists(self, key: str) -> bool:
        try:
            await self._call(key, lambda: self._client.stat_object(self._bucket, key))
        except BlobNotFound:
            return False
        return True

    async def delete(self, key: str) -> None:
        """Removes a blob; one that is not there stays so."""
        await self._call(key, lambda: self._client.remove_object(self._bucket, key))

    async def each(self, prefix: str) -> AsyncIterator[str]:
        """The keys below a prefix, in order."""
        listed = await self._call(
            prefix,
            lambda: [item.object_name for item in self._client.list_objects(self._bucket, prefix, recursive=True)],
        )
        for name in sorted(filter(None, listed)):
            yield name

    async def put_file(self, key: str, path: Path) -> None:
        await self._call(key, lambda: self._client.fput_object(self._bucket, key, str(path)))

    async def get_file(self, key: str, path: Path) -> None:
        """Writes a blob to a file, whole or not at all. Raises BlobNotFound."""
        path.parent.mkdir(parents=True, exist_ok=True)
        await self._call(key, lambda: self._client.fget_object(self._bucket, key, str(path)))

    async def upload(self, folder: Path, prefix: str) -> None:
        """Every file below a folder, under the same names below a prefix."""
        files = await asyncio.to_thread(lambda: [path for path in sorted(folder.rglob("*")) if path.is_file()])
        for path in files:
            await self.put_file(f"{prefix.rstrip('/')}/{path.relative_to(folder).as_posix()}", path)

    async def download(self, prefix: str, folder: Path) -> None:
        """Every blob below a prefix. Raises BlobNotFound where there is none."""
        keys = [key async for key in self.each(f"{prefix.rstrip('/')}/")]
        if not keys:
            raise BlobNotFound(prefix)
        for key in keys:
            await self.get_file(key, folder / key.removeprefix(f"{prefix.rstrip('/')}/"))

    async def listed(self, prefix: str, most: int) -> list[Listed]:
        """What lies below a prefix, in order; one more than `most` where there is more."""

        def look() -> list[Listed]:
            found = self._client.list_objects(self._bucket, prefix, recursive=True)
            return [
                Listed(one.object_name, one.size or 0, (one.etag or "").strip('"'), one.last_modified)
                for one in islice((each for each in found if each.object_name and not each.is_dir), most + 1)
            ]

        return sorted(await self._call(prefix, look), key=lambda one: one.key)

    def opened(self, key: str, size: int) -> io.BufferedReader:
        """A blob to be read in a thread, piece by piece and from anywhere. Reading raises Interrupted."""
        return io.BufferedReader(_Ranged(lambda at, length: self._range(key, at, length), size), RANGE)

    def _range(self, key: str, at: int, length: int) -> bytes:
        try:
            response = self._client.get_object(self._bucket, key, offset=at, length=length)
            try:
                return bytes(response.read())
            finally:
                response.close()
                response.release_conn()
        except (S3Error, urllib3.exceptions.HTTPError) as error:
            raise Interrupted(f"S3: {type(error).__name__} for {key}") from error


class Interrupted(OSError):
    """S3 stopped answering while a blob was read; an OSError, which is what readers of files expect."""


class _Ranged(io.RawIOBase):
    """A file that is fetched as it is read."""

    def __init__(self, fetch: Callable[[int, int], bytes], size: int) -> None:
        self._fetch = fetch
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        length = min(len(buffer), self._size - self._at)
        if length <= 0:
            return 0
        data = self._fetch(self._at, length)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
