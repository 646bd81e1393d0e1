"""What the service is told from outside."""

from pathlib import Path
from tempfile import gettempdir

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from millrace import chassis


class Settings(chassis.Settings):
    model_config = SettingsConfigDict(env_prefix="EVALUATION_", extra="ignore")

    trusted_keys: str = Field(
        description="public keys whose signatures count: base64 of the 32 bytes of each, comma-separated"
    )
    score_threads: int = Field(default=1, ge=1, description="CPU threads of the scoring process")
    score_within: float = Field(default=1800, gt=0, description="seconds after which a scoring process is ended")
    nice: int = Field(default=10, ge=0, le=19, description="how far scoring gives way to serving on the same cores")
    memory: Path = Field(
        default=Path(gettempdir()) / "millrace-embeddings.sqlite",
        description="file of what encoders said of texts, so that the next version of an encoder need not ask again",
    )
    attempts: int = Field(default=3, ge=1, description="scoring processes that may die before an evaluation fails")
    person_header: str = Field(
        default="",
        description="header in which a proxy that signs people in names them; empty: callers name themselves",
    )
