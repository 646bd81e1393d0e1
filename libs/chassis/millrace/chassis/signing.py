"""Who asks for a change, and why: every command over HTTP has it (docs/decisions/0095)."""

from typing import Annotated

import structlog
from fastapi import Query
from pydantic import BaseModel, Field

log = structlog.get_logger()

By = Annotated[str, Query(min_length=1, max_length=200, description="who asks")]
"""Of commands that have no body."""


class Signed(BaseModel):
    """What a person asks for, and who that is."""

    by: str = Field(min_length=1, max_length=200, description="who asks")


class Reasoned(Signed):
    """What takes back or holds what others rely on: why stays with it."""

    reason: str = Field(min_length=1, max_length=2000, description="why; stays with what is done")


def noted(what: str, by: str, **about: object) -> None:
    """Writes down who asked, where no table of ours does."""
    log.info(what, by=by, **about)
