"""One S3 bucket, by the minio client: what bases come from and are shared by."""

from __future__ import annotations

import io
import os
from pathlib import Path
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import S3Error


class BucketError(Exception):
    pass


class AlreadyThere(BucketError):
    pass


class Bucket:
    """Raises BucketError for whatever S3 says or does not say."""

    def __init__(self, url: str, key: str, secret: str, name: str) -> None:
        parts = urlsplit(url)
        self._http = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=5, read=60), retries=urllib3.Retry(total=2, backoff_factor=0.2)
        )
        self._client = Minio(
            endpoint=parts.netloc,
            access_key=key,
            secret_key=secret,
            secure=parts.scheme == "https",
            region=os.environ.get("AWS_REGION", "us-east-1"),
            http_client=self._http,
        )
        self._name = name

    @classmethod
    def of_environment(cls, name: str) -> Bucket:
        told = os.environ
        key, secret = told.get("AWS_ACCESS_KEY_ID"), told.get("AWS_SECRET_ACCESS_KEY")
        if not key or not secret:
            raise BucketError("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set")
        url = told.get("AWS_ENDPOINT_URL_S3") or told.get("AWS_ENDPOINT_URL") or "https://s3.amazonaws.com"
        return cls(url, key, secret, name)

    def each(self, prefix: str) -> list[str]:
        with _told():
            found = self._client.list_objects(self._name, prefix, recursive=True)
            return sorted(one.object_name for one in found if one.object_name and not one.is_dir)

    def get(self, key: str) -> bytes:
        with _told():
            response = self._client.get_object(self._name, key)
            try:
                return bytes(response.read())
            finally:
                response.close()
                response.release_conn()

    def put_file(self, key: str, path: Path) -> None:
        with _told():
            self._client.fput_object(self._name, key, str(path))

    def create(self, key: str, data: bytes) -> None:
        """Raises AlreadyThere."""
        with _told():
            url = self._client.presigned_put_object(self._name, key)
            response = self._http.request("PUT", url, body=io.BytesIO(data).read(), headers={"If-None-Match": "*"})
        if response.status == 412:
            raise AlreadyThere(f"{key} is there already")
        if response.status >= 300:
            raise BucketError(f"{response.status} for {key}")

    def download(self, prefix: str, folder: Path, *, flat: bool = False) -> None:
        """Every blob below a prefix; ``flat`` leaves out what lies in folders further down."""
        start = f"{prefix.rstrip('/')}/"
        keys = [key for key in self.each(start) if not flat or "/" not in key.removeprefix(start)]
        if not keys:
            raise BucketError(f"nothing is at {prefix}")
        for key in keys:
            with _told():
                self._client.fget_object(self._name, key, str(folder / key.removeprefix(start)))


class _told:  # noqa: N801 - reads as a word: with _told()
    """What S3 or the network says, as a BucketError."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, S3Error):
            raise BucketError(f"{error.code}: {error.message}") from error
        if isinstance(error, urllib3.exceptions.HTTPError):
            raise BucketError(f"it can't be reached: {type(error).__name__}") from error
