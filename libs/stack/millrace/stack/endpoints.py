"""Where the three parts answer."""

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
