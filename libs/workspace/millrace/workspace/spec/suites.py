"""What versions are judged by beside `fresh`, `golden` and `typos`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, field_validator, model_validator
from pydantic_core import PydanticCustomError

from millrace.workspace.quantities import Duration
from millrace.workspace.section import Section
from millrace.workspace.spec.names import Share
from millrace.workspace.suites import KINDS

SuiteName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
"""As it stands in a condition."""


class Suite(Section):
    """`kind` is the suite's name where that is a kind; `owner` the workspace's where none is named.

    Where the team brought no rows, a paraphrase, consistency or injection suite is made from the rows `of` another.
    Of extremes no answer may be surer than `confidence` (null: any may) or take longer than `within`.
    """

    kind: str
    owner: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    of: Literal["golden", "fresh"] = "golden"
    confidence: Share | None = None
    within: Duration = timedelta(seconds=5)

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        if kind not in KINDS:
            raise PydanticCustomError("suite", "one of {kinds}", {"kinds": ", ".join(KINDS)})
        return kind

    @model_validator(mode="after")
    def _means_something(self) -> Suite:
        for key in ("of", "confidence", "within"):
            if key not in KINDS[self.kind].options and getattr(self, key) != Suite.model_fields[key].default:
                of = " or ".join(name for name, kind in KINDS.items() if key in kind.options)
                raise PydanticCustomError("suite", "no {key}, which is of {of}", {"key": key, "of": of})
        return self


def _named(declared: Any) -> Any:
    """A suite that is called as a kind is of that kind."""
    if not isinstance(declared, Mapping):
        return declared
    return {
        name: {"kind": name, **(suite or {})} if name in KINDS and isinstance(suite, Mapping | None) else suite
        for name, suite in declared.items()
    }


Suites = Annotated[dict[SuiteName, Suite], BeforeValidator(_named), Field(max_length=20)]
