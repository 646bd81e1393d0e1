"""What a version's model card says that no figure tells."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from millrace.workspace.section import Section

Told = Annotated[str, StringConstraints(min_length=1, max_length=4000, strip_whitespace=True)]


class Card(Section):
    """`purpose` is what the model is for, each of `limits` what it is not; `licence`, as SPDX writes it, that of its
    weights. Null is not said."""

    purpose: Told | None = None
    limits: Annotated[tuple[Told, ...], Field(strict=False, max_length=50)] = ()
    licence: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+-]{0,63}$")] | None = None
