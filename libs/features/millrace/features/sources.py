"""Sources of whose observations features are made: what a workspace says of them binds training and serving alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from millrace.workspace import Workspace

PURPOSE = "train"
"""What a source has to serve for its observations to be in a feature: no model looks at what it could not learn."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Any source but some, or none but some. Most are declared nowhere: products just send under their names."""

    any: bool
    but: frozenset[str]

    @classmethod
    def of(cls, spec: Workspace) -> Self:
        """Without those in `data.retired` and those that may not train."""
        usual = PURPOSE in spec.data.purposes
        named = {*spec.sources, *spec.data.retired}
        return cls(usual, frozenset(source for source in named if _may(spec, source) != usual))

    def __contains__(self, source: str) -> bool:
        return (source in self.but) != self.any


def _may(spec: Workspace, source: str) -> bool:
    return source not in spec.data.retired and PURPOSE in spec.purposes_of(source)
