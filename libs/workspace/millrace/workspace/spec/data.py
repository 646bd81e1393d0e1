"""What of a record is kept, and of which records."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from millrace.workspace.quantities import Duration
from millrace.workspace.section import Section, unique
from millrace.workspace.spec.names import Language, Words
from millrace.workspace.spec.quality import Quality


class Duplicates(Section):
    """`near` is the similarity from 0 to 1 at which a row is a duplicate; `semantic` that of meanings, null for none.

    A duplicate is dropped; or dropped and weighs, so that the row which stays counts for it as well; or kept.
    """

    near: Annotated[float, Field(gt=0, le=1)] = 0.8
    semantic: Annotated[float, Field(gt=0, le=1)] | None = None
    then: Literal["drop", "weight", "keep"] = "drop"


class Data(Section):
    """What of a record is kept, and of which records.

    `pii` is what becomes of personal data: a tag, a tag that stays the same for the same address or number, or the
    record refused; `national_ids` counts those in. `trusted` and `retired` name document sources: their labels may
    train and be golden; their rows are not used. Rows known for longer than `retention` are erased; null keeps them
    for ever.
    """

    pii: Literal["redact", "pseudonymise", "reject"] = "redact"
    national_ids: bool = False
    languages: Annotated[tuple[Language, ...], Field(strict=False, max_length=50)] = ()
    duplicates: Duplicates = Duplicates()
    quality: Quality = Quality()
    purposes: Annotated[tuple[Literal["train", "evaluate"], ...], Field(strict=False, min_length=1)] = (
        "train",
        "evaluate",
    )
    trusted: Words = ()
    retired: Words = ()
    retention: Duration | None = None

    _once = field_validator("languages", "purposes", "trusted", "retired")(unique)
