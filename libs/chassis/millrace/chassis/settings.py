"""What every service is told from outside."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """A service subclasses this with its own `env_prefix`, which is its name in capitals and an underscore."""

    model_config = SettingsConfigDict(extra="ignore")

    kafka: str = Field(description="bootstrap servers, host:port, comma-separated")
    postgres: str = Field(description="DSN of the service's own role")
    s3_url: str
    s3_access_key: str
    s3_secret_key: SecretStr
    s3_bucket: str = "millrace"
    secret: SecretStr = Field(description="encrypts dead letters of intake topics, keys pseudonyms")

    http_host: str = "127.0.0.1"
    http_port: int = 8080
    http_max_body: int = Field(default=8 * 1024 * 1024, description="bytes")

    otlp: str = Field(default="", description="OTLP/HTTP endpoint; empty: spans are not exported")
    trace_share: float = Field(default=1.0, ge=0, le=1, description="share of roots that are traced")
    log_level: str = "INFO"

    group_suffix: str = Field(default="", description="appended to consumer groups, e.g. for a second environment")
    batch: int = Field(default=1000, ge=1, description="most events in one transaction")
    pool: int = Field(default=8, ge=2, description="Postgres connections")
    outbox_ceiling: int = Field(default=50_000, description="outbox rows above which HTTP answers 429")
    dead_letter_ceiling: int = Field(default=1000, description="dead letters a minute above which the service stops")
    inbox_days: int = Field(default=8, description="how long ids are remembered; no shorter than traffic topics keep")
    jobs_days: int = Field(default=7, description="how long finished jobs are kept; payloads may hold masked texts")

    @property
    def name(self) -> str:
        """The service's name, which is its env prefix, folder and schema."""
        return (self.model_config.get("env_prefix") or "").rstrip("_").lower()
