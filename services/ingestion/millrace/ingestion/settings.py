"""What ingestion is told from outside."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from millrace import chassis


class Settings(chassis.Settings):
    model_config = SettingsConfigDict(env_prefix="INGESTION_")

    most_events: int = Field(default=2000, ge=1, description="most events in one HTTP batch")
    quarantine_days: int = Field(default=7, ge=1, description="how long rejected records are kept, masked")
