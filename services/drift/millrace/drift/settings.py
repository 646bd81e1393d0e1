"""What drift is told from outside."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from millrace import chassis


class Settings(chassis.Settings):
    model_config = SettingsConfigDict(env_prefix="DRIFT_")

    cool_down: timedelta = Field(
        default=timedelta(minutes=10), description="least time between two announced drifts of one version"
    )
    versions: int = Field(default=20, ge=2, description="versions of a workspace whose monitors are kept")
