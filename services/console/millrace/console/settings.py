"""The console's settings."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from millrace import chassis


class Settings(chassis.Settings):
    model_config = SettingsConfigDict(env_prefix="CONSOLE_")

    services: dict[str, str] = Field(
        default_factory=dict, description="base URL of each service by its name, as JSON: where the owners answer"
    )
    every: float = Field(default=1.0, gt=0, description="seconds between two looks while somebody watches")
