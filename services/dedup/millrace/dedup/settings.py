"""What dedup is told from outside."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from millrace import chassis


class Settings(chassis.Settings):
    model_config = SettingsConfigDict(env_prefix="DEDUP_", extra="ignore")

    index_bytes: int = Field(default=2**30, ge=2**20, description="memory for buckets; some 150 MB a million documents")
    embed_threads: int = Field(default=1, ge=1, description="cores that one embedding process may take")
    embed_nice: int = Field(default=10, ge=0, le=19, description="how far embedding gives way on the same cores")
    embed_within: float = Field(default=300, gt=0, description="seconds that a batch may take")
