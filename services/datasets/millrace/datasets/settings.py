"""What datasets is told from outside."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from millrace import chassis


class Settings(chassis.Settings):
    model_config = SettingsConfigDict(env_prefix="DATASETS_", extra="ignore")

    part_rows: int = Field(default=2000, ge=1, description="rows of a corpus part in S3; fewer wait in Postgres")
    keep_versions: int = Field(
        default=0, ge=0, description="newest versions whose rows are kept, besides the pinned and the current; 0: all"
    )
    observation_rows: int = Field(
        default=20_000, ge=1, description="observations of a part in S3; fewer wait in Postgres"
    )
