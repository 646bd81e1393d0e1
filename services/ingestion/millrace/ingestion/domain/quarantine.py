"""What may still become of a rejected record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from millrace.events import Reason
from millrace.ingestion.domain.documents import Verdict

Act = Literal["release", "drop", "replay"]
End = Literal["released", "dropped", "kept", "refused"]

_NOT_WHOLE = ("empty", "too_long", "source", "label", "metadata", "values", "entity")
_DECLARED = ("suite", "untrusted_suite", "unlabelled_suite", "purpose", "retired_source", "history", "known_since")
BINDING = frozenset((*_NOT_WHOLE, *_DECLARED))
"""Reasons that nobody sets aside by hand: what is kept isn't the whole, or every reader obeys what is declared."""


@dataclass(frozen=True)
class Fate:
    """How an act ended for one record, and the reasons against it that stand."""

    end: End
    reasons: tuple[Reason, ...] = ()
    because: str = ""


def decided(act: Act, verdict: Verdict | None) -> Fate:
    """What an act makes of a record that its workspace now judges so; None where only the reasons were kept."""
    if act == "drop":
        return Fate("dropped")
    if verdict is None:
        return Fate("refused", because="it was rejected by a release that did not keep the record")
    if not verdict.reasons:
        return Fate("released")
    if act == "replay":
        return Fate("kept", verdict.reasons)
    binding = _binding(verdict.reasons)
    if binding:
        return Fate("refused", verdict.reasons, f"{binding} can't be set aside: mend it and replay or submit again")
    return Fate("released", verdict.reasons)


def _binding(reasons: Sequence[Reason]) -> str:
    return ", ".join(reason.code for reason in reasons if reason.code in BINDING)
