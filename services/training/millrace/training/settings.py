"""Settings of training, beside those of every service."""

import tempfile
from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from millrace import chassis


class Settings(chassis.Settings):
    model_config = SettingsConfigDict(env_prefix="TRAINING_")

    work_dir: Path = Field(
        default=Path(tempfile.gettempdir()) / "millrace-training", description="runs and their checkpoints"
    )
    side_by_side: int = Field(default=2, ge=1, description="runs at once in one replica")
    threads: int = Field(default=1, ge=1, description="torch threads of one run")
    nice: int = Field(default=10, ge=0, le=19, description="how far a run gives way to serving on the same cores")
    memory_mb: int = Field(default=0, ge=0, description="most that one run may take; 0: as much as there is")
    hour_costs: float = Field(default=0.0, ge=0, description="what an hour of a run costs, in any currency; 0: untold")
    watts: float = Field(default=0.0, ge=0, description="what a run draws on average, for its energy; 0: untold")
    judging_days: float = Field(default=30.0, gt=0, description="after which a candidate still not judged is an alert")
    person_header: str = Field(
        default="",
        description="header in which a proxy that signs people in names them; empty: callers name themselves",
    )
    import_mb: int = Field(default=4096, ge=1, description="most MB of a model that was made elsewhere")
    grace: float = Field(default=900.0, gt=0, description="seconds beyond a limit before a cycle is given up")
