"""What feedback is told from outside."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from millrace import chassis


class Settings(chassis.Settings):
    model_config = SettingsConfigDict(env_prefix="FEEDBACK_")

    keep: timedelta = Field(
        default=timedelta(days=30), description="how long predictions and feedback are kept; no shorter than any wait"
    )
    settle: timedelta = Field(
        default=timedelta(seconds=5), description="from a drift to the draw of answers to label, while they arrive"
    )
    annotations: int = Field(default=500, ge=1, description="most answers that one drift puts up for labelling")
