"""How commands write what a person reads: who, when, how well."""

import getpass
from datetime import datetime
from typing import Any

TELLING = {"macro_f1", "accuracy", "mae", "win_rate", "support"}


def whoami() -> str:
    """Return the name that a decision is signed with where none is given."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "a person"


def counted(number: int, what: str, several: str = "") -> str:
    """Return how many of something: `1 row`, `1,200 rows`."""
    return f"{number:,} {what if number == 1 else several or what + 's'}"


def moment(text: str | None) -> str:
    """Return a time as the local clock shows it; of another day only the day."""
    if not text:
        return ""
    at = datetime.fromisoformat(text).astimezone()
    return at.strftime("%H:%M:%S" if at.date() == datetime.now().astimezone().date() else "%Y-%m-%d")


def scores(found: dict[str, Any]) -> str:
    """Return the telling figures of a set in one line."""
    return "  ".join(f"{name} {value:.3f}" for name, value in sorted(found.items()) if telling(name))


def telling(name: str) -> bool:
    """Whether a figure says how good something is, rather than how sure that is."""
    return name.rsplit(".", 1)[-1] in TELLING
