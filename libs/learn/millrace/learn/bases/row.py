"""A row of bases.yaml, and the same of a base that a team added."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter

Kind = Literal["encoder", "sequence-classifier", "causal-lm"]
KINDS: tuple[Kind, ...] = ("encoder", "sequence-classifier", "causal-lm")
NAME = r"^[a-z0-9][a-z0-9.-]{0,62}$"


class Base(BaseModel):
    """``dimensions`` is the width of an embedding; ``digest`` that of the files as the sources have them."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Annotated[str, StringConstraints(pattern=NAME)]
    kind: Kind
    sources: tuple[str, ...] = Field(min_length=1)
    licence: Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
    dimensions: int
    parameters: int
    digest: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


class Kept(Base):
    """``base.json`` in the cache folder. ``made`` is the digest of the files there; unpacking changes it."""

    made: str

    @property
    def base(self) -> Base:
        return Base(**self.model_dump(exclude={"made"}))


def read_rows(path: Path) -> dict[str, Base]:
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {base.name: base for base in TypeAdapter(list[Base]).validate_python(rows)}
