"""How commands write what a person reads: who, when, how well."""

import getpass
from datetime import datetime
from typing import Any


def whoami() -> str:
    """Return the name that a decision is signed with where none is given."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "a person"


def moment(text: str | None) -> str:
    """Return a time as the local clock shows it, to the second."""
    return datetime.fromisoformat(text).astimezone().strftime("%m-%d %H:%M:%S") if text else ""


def scores(found: dict[str, Any], most: int = 4) -> str:
    """Return the first figures of a set, without standard errors and counts."""
    shown = {name: value for name, value in sorted(found.items()) if _telling(name, value)}
    return "  ".join(f"{name} {value:.3f}" for name, value in list(shown.items())[:most])


def _telling(name: str, value: Any) -> bool:
    return isinstance(value, float) and not name.endswith("_se") and name.rsplit(".", 1)[-1] in {"macro_f1", "accuracy"}
