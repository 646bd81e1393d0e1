"""What datasets is told from outside."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from millrace import chassis


class Settings(chassis.Settings):
    model_config = SettingsConfigDict(env_prefix="DATASETS_", extra="ignore")

    part_rows: int = Field(default=2000, ge=1, description="rows of a corpus part in S3; fewer wait in Postgres")
    observation_rows: int = Field(
        default=20_000, ge=1, description="observations of a part in S3; fewer wait in Postgres"
    )
