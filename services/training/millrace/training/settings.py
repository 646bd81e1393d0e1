"""Settings of training, beside those of every service."""

import tempfile
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from millrace import chassis


class Settings(chassis.Settings):
    model_config = SettingsConfigDict(env_prefix="TRAINING_")

    work_dir: Path = Field(
        default=Path(tempfile.gettempdir()) / "millrace-training", description="runs and their checkpoints"
    )
    side_by_side: int = Field(default=2, ge=1, description="runs at once in one replica")
    threads: int = Field(default=1, ge=1, description="torch threads of one run")
    stand_by: bool = Field(
        default=True, description="whether a process stands by with torch imported, some 300 MB, for the next run"
    )
    nice: int = Field(default=10, ge=0, le=19, description="how far a run gives way to serving on the same cores")
    memory_mb: int = Field(default=0, ge=0, description="most that one run may take; 0: as much as there is")
    hour_costs: float = Field(default=0.0, ge=0, description="what an hour of a run costs, in any currency; 0: untold")
    watts: float = Field(default=0.0, ge=0, description="what a run draws on average, for its energy; 0: untold")
    judging_days: float = Field(default=30.0, gt=0, description="after which a candidate still not judged is an alert")
    person_header: str = Field(
        default="",
        description="header in which a proxy that signs people in names them; empty: callers name themselves",
    )
    executor: Literal["process", "ray", "kubernetes"] = Field(default="process", description="where runs are")
    ray_address: str = Field(default="", description="of a Ray cluster; empty: one on this machine")
    kubernetes_image: str = Field(default="", description="image of a run's pod: this service's own")
    kubernetes_claim: str = Field(default="", description="volume claim that runs and this service have at WORK_DIR")
    kubernetes_gpu: str = Field(default="", description="resource that is a GPU, such as nvidia.com/gpu; empty: none")
    kubernetes_url: str = Field(default="https://kubernetes.default.svc", description="of its API")
    kubernetes_account: Path = Field(
        default=Path("/var/run/secrets/kubernetes.io/serviceaccount"), description="folder with token and namespace"
    )
    import_mb: int = Field(default=4096, ge=1, description="most MB of a model that was made elsewhere")
    grace: float = Field(default=900.0, gt=0, description="seconds beyond a limit before a cycle is given up")

    @model_validator(mode="after")
    def _kubernetes_is_told(self) -> Self:
        for name in ("kubernetes_image", "kubernetes_claim"):
            if self.executor == "kubernetes" and not getattr(self, name):
                raise ValueError(f"TRAINING_{name.upper()} is needed where TRAINING_EXECUTOR is kubernetes")
        return self
