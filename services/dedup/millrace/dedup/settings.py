"""What dedup is told from outside."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from millrace import chassis


class Settings(chassis.Settings):
    model_config = SettingsConfigDict(env_prefix="DEDUP_", extra="ignore")

    index_bytes: int = Field(default=2**30, ge=2**20, description="memory for buckets; some 150 MB a million documents")
