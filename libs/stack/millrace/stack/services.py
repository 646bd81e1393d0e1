"""The services of a checkout: which there are, what they are told, how one runs as a process."""

import http.client
import json
import os
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from .endpoints import Endpoints
from .errors import StackError
from .keys import Signing
from .part import Part
from .ports import PortBook
from .process import Command

BUCKET = "millrace"


def find_root(start: Path | None = None) -> Path:
    """Return the checkout: the nearest folder above here, or above this file, with services/ and contracts/topics/.

    Raises StackError when there is none.
    """
    for origin in (start or Path.cwd(), Path(__file__).resolve()):
        for folder in (origin, *origin.parents):
            if (folder / "services").is_dir() and (folder / "contracts" / "topics").is_dir():
                return folder
    raise StackError("no checkout of Millrace found: no folder above has services/ and contracts/topics/")


def discover(root: Path) -> list[str]:
    """Return the names of the services that can be run, sorted."""
    return sorted(main.parent.name for main in root.glob("services/*/millrace/*/__main__.py"))


def environment(
    name: str, endpoints: Endpoints, *, dsn: str, secret: str, port: int, host: str = "127.0.0.1"
) -> dict[str, str]:
    """Return what one service is told, under its own prefix."""
    told = {
        "KAFKA": endpoints.kafka,
        "POSTGRES": dsn,
        "S3_URL": endpoints.s3.url,
        "S3_ACCESS_KEY": endpoints.s3.access_key,
        "S3_SECRET_KEY": endpoints.s3.secret_key,
        "S3_BUCKET": BUCKET,
        "SECRET": secret,
        "HTTP_HOST": host,
        "HTTP_PORT": str(port),
    }
    return {f"{name.upper()}_{key}": value for key, value in told.items()}


def peculiar(name: str, data: Path, urls: Mapping[str, str], signing: Signing) -> dict[str, str]:
    """Return what only this service is told: where it keeps files, its keys; the console, where the others answer."""
    told = {
        "registry": {"SIGNING_KEY": signing.key},
        "serving": {"CACHE": str(data / "artifacts"), "TRUSTED_KEYS": signing.trusted},
        "training": {"WORK_DIR": str(data / "runs")},
        "evaluation": {"MEMORY": str(data / "embeddings.sqlite"), "TRUSTED_KEYS": signing.trusted},
        "console": {"SERVICES": json.dumps(dict(urls))},
    }
    return {f"{name.upper()}_{key}": value for key, value in told.get(name, {}).items()}


def provisioning(endpoints: Endpoints, passwords: Mapping[str, str], contracts: Path) -> dict[str, str]:
    """Return what the chassis' provisioning is told."""
    told = {
        "KAFKA": endpoints.kafka,
        "POSTGRES": endpoints.postgres,
        "S3_URL": endpoints.s3.url,
        "S3_ACCESS_KEY": endpoints.s3.access_key,
        "S3_SECRET_KEY": endpoints.s3.secret_key,
        "S3_BUCKET": BUCKET,
        "SERVICES": json.dumps(dict(passwords)),
        "CONTRACTS": str(contracts),
    }
    return {f"PROVISION_{key}": value for key, value in told.items()}


def role_dsn(postgres: str, role: str, password: str) -> str:
    """Return the address of the same database for another role."""
    parts = urlsplit(postgres)
    return urlunsplit(parts._replace(netloc=f"{role}:{password}@{parts.hostname}:{parts.port}"))


class Service(Part):
    """One service as a process; ready when its /readyz says so, ill when its /healthz says so three times."""

    patience = float("inf")  # a service may wait for others; only its own end is a failure
    pause = 0.3
    grace = 25.0

    def __init__(self, name: str, replica: int, data: Path, ports: PortBook, root: Path) -> None:
        self.service = name
        self.name = name if replica == 0 else f"{name}-{replica + 1}"
        super().__init__(data, ports)
        self._root = root
        self.port = 0
        self.told: Mapping[str, str] = {}
        self._unwell = 0
        self._asked = 0.0

    @property
    def url(self) -> str:
        """Where its HTTP answers."""
        return f"http://127.0.0.1:{self.port}"

    def prepare(self) -> Command:
        """Return `python -m millrace.<name>` with its settings in the environment."""
        self._unwell = 0
        temporary = self.folder.parent / "tmp"
        temporary.mkdir(exist_ok=True)
        given = {"TMPDIR": str(temporary), "PYTHONUNBUFFERED": "1", "MALLOC_ARENA_MAX": "2", **os.environ}
        argv = [sys.executable, "-m", f"millrace.{self.service}"]
        return Command(self.name, argv, cwd=self._root, log=self.log, env={**given, **self.told})

    def answers(self) -> bool:
        """Ask /readyz."""
        return self.ask("/readyz") == 200

    def complaint(self) -> str | None:
        """Ask /healthz every five seconds: silence is no illness (a busy machine), three bad answers in a row are."""
        if time.monotonic() - self._asked < 5:
            return None
        self._asked = time.monotonic()
        status = self.ask("/healthz")
        self._unwell = self._unwell + 1 if status and status != 200 else 0
        return f"/healthz answered {status} three times" if self._unwell >= 3 else None

    def ask(self, path: str) -> int | None:
        """Return the status of a GET, None without an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=3)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


def build(names: Iterable[str], replicas: Mapping[str, int], data: Path, ports: PortBook, root: Path) -> list[Service]:
    """Return the services to run, each `replicas.get(name, 1)` times."""
    return [Service(name, each, data, ports, root) for name in names for each in range(replicas.get(name, 1))]
