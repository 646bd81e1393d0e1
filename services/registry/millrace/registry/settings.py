"""Settings of registry."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from millrace import chassis


class Settings(chassis.Settings):
    model_config = SettingsConfigDict(env_prefix="REGISTRY_")

    signing_key: SecretStr = Field(
        description="ed25519 private key that versions are signed with: its 32 bytes, base64"
    )
    person_header: str = Field(
        default="",
        description="header in which a proxy that signs people in names them; empty: callers name themselves",
    )
