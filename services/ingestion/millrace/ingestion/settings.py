"""What ingestion is told from outside."""

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from millrace import chassis


class Settings(chassis.Settings):
    model_config = SettingsConfigDict(env_prefix="INGESTION_")

    most_events: int = Field(default=2000, ge=1, description="most events in one HTTP batch")
    second_tier: Literal["none", "presidio"] = Field(
        default="none", description="what looks for names and places after the patterns; presidio is an extra"
    )
    second_tier_pipeline: str = Field(
        default="", description="the spaCy pipeline that tells names; patterns alone without"
    )
    quarantine_days: int = Field(default=7, ge=1, description="how long rejected records are kept, masked")

    dsns: dict[str, SecretStr] = Field(
        default_factory=dict, description="of Postgres databases that workspaces may name in `dsn`"
    )
    files_root: str = Field(default="", description="folder that `files` may name places in; empty: none")
    source_buckets: tuple[str, ...] = Field(default=(), description="buckets that `files` may read, on this S3")
    fetches: int = Field(default=4, ge=1, description="sources that one process reads at once")
    fetch_patience: float = Field(default=21600, ge=0, description="seconds that a run waits for a source that is down")
    file_bytes: int = Field(default=52_428_800, ge=1, description="largest text, page or PDF that is read whole")
    page_bytes: int = Field(default=4_194_304, ge=1, description="largest page of a crawl, unpacked")
    agent: str = Field(default="millrace/0.1", min_length=1, description="how crawls name themselves")
