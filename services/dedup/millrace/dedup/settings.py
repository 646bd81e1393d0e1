"""What dedup is told from outside."""

from pydantic_settings import SettingsConfigDict

from millrace import chassis


class Settings(chassis.Settings):
    model_config = SettingsConfigDict(env_prefix="DEDUP_", extra="ignore")
