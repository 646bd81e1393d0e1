"""How figures, times and names are put."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from millrace.pages.words import counted


def moment(at: str | datetime) -> datetime:
    """A time as the owners give it."""
    return at if isinstance(at, datetime) else datetime.fromisoformat(at)


def maybe(at: str | datetime | None) -> datetime | None:
    return moment(at) if at else None


def clock(at: datetime, now: datetime) -> str:
    """The time of the day, with the day where it is not today's."""
    return f"{at:%H:%M:%S}" if at.date() == now.date() else f"{at:%d %b %H:%M}"


def lasting(span: timedelta) -> str:
    """A span in the two largest units that matter."""
    seconds = max(0.0, span.total_seconds())
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} days"


def short(version: str | None, workspace: str) -> str:
    """`parcels-3` of workspace `parcels` is v3; other names stay."""
    return shorten(version, workspace) if version else "–"


def shorten(text: str, workspace: str) -> str:
    """A text with every version of the workspace by its short name."""
    return re.sub(rf"\b{re.escape(workspace)}-(\d+)\b", r"v\1", text)


def percent(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value * 100:.{digits}f} %"


def interval(score: Mapping[str, Any] | None) -> str:
    """`91.2 % (88.1 to 93.6, 312 labels)`."""
    if not score or not score.get("n"):
        return "no labels yet"
    low, high = score["low"] * 100, score["high"] * 100
    return f"{percent(score['value'])} ({low:.1f} to {high:.1f}, {counted(score['n'], 'label')})"


def figure(value: float | None) -> str:
    """A score to three digits; what is not known is a dash."""
    return "–" if value is None else f"{value:.3f}"
