"""Where the three parts answer."""

import os
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class S3Endpoint:
    """An S3 service: `url` is http://host:port, the keys are its one administrator's."""

    url: str
    access_key: str
    secret_key: str = field(repr=False)

    @property
    def address(self) -> str:
        """host:port, as minio's client wants it."""
        return self.url.split("://", 1)[1]


@dataclass(frozen=True)
class Endpoints:
    """Everything a service needs to find Kafka, Postgres and S3."""

    kafka: str
    postgres: str = field(repr=False)
    s3: S3Endpoint

    def to_json(self) -> dict[str, Any]:
        """Return plain data for the state file."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Endpoints":
        """Read what `to_json` gave."""
        return cls(kafka=data["kafka"], postgres=data["postgres"], s3=S3Endpoint(**data["s3"]))


def compose_endpoints() -> Endpoints:
    """Return where docker-compose.yml publishes the parts, with the passwords of its environment variables."""
    unsafe = "only-on-my-laptop"  # the file's own default: it listens on 127.0.0.1 only
    password = os.environ.get("MILLRACE_POSTGRES_PASSWORD", unsafe)
    return Endpoints(
        kafka="127.0.0.1:29092",
        postgres=f"postgresql://postgres:{password}@127.0.0.1:25432/millrace",
        s3=S3Endpoint("http://127.0.0.1:28333", "millrace", os.environ.get("MILLRACE_S3_KEY", unsafe)),
    )
