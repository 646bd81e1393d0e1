"""The second tier: what patterns can't tell, such as names, looked for by a model. Off unless somebody brings one."""

from __future__ import annotations

from typing import Protocol

from millrace.privacy.kinds import Found


class Second(Protocol):
    """Whatever finds personal data in a text that the first tier has masked."""

    def found(self, text: str) -> list[Found]:
        """In order and apart, and no part of a tag."""
