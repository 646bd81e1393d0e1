"""What the service is told from outside."""

from pathlib import Path
from tempfile import gettempdir

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from millrace import chassis


class Settings(chassis.Settings):
    model_config = SettingsConfigDict(env_prefix="SERVING_", extra="ignore")

    trusted_keys: str = Field(
        description="public keys whose signatures count: base64 of the 32 bytes of each, comma-separated"
    )
    cache: Path = Field(
        default=Path(gettempdir()) / "millrace-artifacts",
        description="folder of downloaded artifacts; replicas of one machine may share it",
    )
    cache_most: int = Field(default=20, ge=2, description="artifacts kept there")
    batch_wait_ms: float = Field(default=2.0, ge=0, le=1000, description="how long a batch waits for company")
    batch_most: int = Field(default=32, ge=1, le=1024, description="texts in one batch")
    torch_threads: int = Field(default=1, ge=1, description="cores that one forward may take")
    queue_most: int = Field(default=500, ge=1, description="texts waiting for an arm above which callers get 503")
    answer_within: float = Field(default=20.0, gt=0, description="seconds after which an answer has failed")
    canary_within: float = Field(
        default=2.0, gt=0, description="seconds after which a canary has failed and production answers its caller"
    )
    shadow_most: int = Field(default=256, ge=1, description="texts waiting for shadow above which new ones are dropped")
    commit_wait_ms: float = Field(default=5.0, ge=0, description="how long predictions wait for one commit")
    commit_most: int = Field(default=500, ge=1, description="predictions in one commit")
    best_effort_most: int = Field(default=5000, ge=1, description="best-effort predictions waiting for their commit")
    max_text: int = Field(default=20_000, ge=1, description="characters of one text")
    max_inputs: int = Field(default=256, ge=1, description="texts of one call")
    load_within: float = Field(default=60.0, gt=0, description="seconds for which a failing download is tried again")
    lease: float = Field(default=5.0, gt=0, description="seconds a silent replica still counts as live")
    heartbeat: float = Field(default=1.0, gt=0, description="seconds between a replica's signs of life")
