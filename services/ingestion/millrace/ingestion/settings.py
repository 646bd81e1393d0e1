"""What ingestion is told from outside."""

from typing import Literal

from pydantic import Field
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
