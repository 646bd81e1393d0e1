"""Options that every command writes the same way."""

from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated

import typer

from millrace.stack.state import default_data_folder

from .failure import Failure

Data = Annotated[
    Path,
    typer.Option(
        "--data",
        help="Folder with everything this Millrace keeps.  [env var: MILLRACE_DATA]",
        default_factory=default_data_folder,
        show_default=False,
        file_okay=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]
By = Annotated[str, typer.Option("--by", help="Who asks; you, when left out.", show_default=False)]


def named(out: Path | None, *endings: str) -> None:
    """Raises Failure for a file whose name does not end as what is written to it."""
    if out is not None and out.suffix not in endings:
        raise Failure(
            f"{out} is not named as what is written to it", hint=f"end it in {' or '.join(endings)}", kind="misnamed"
        )


def instant(given: str | None, option: str) -> str | None:
    """Read a time with its zone, or a day, which begins at midnight UTC. Raises typer.BadParameter."""
    if given is None:
        return None
    try:
        if len(given) == len("2026-11-21"):
            return datetime.combine(date.fromisoformat(given), time(), UTC).isoformat()
        read: datetime | None = datetime.fromisoformat(given)
    except ValueError:
        read = None
    if read is not None and read.tzinfo is not None:
        return read.isoformat()
    raise typer.BadParameter(
        f"{given!r} is neither a day, such as 2026-11-21, nor a time with its zone, such as 2026-11-21T10:00:00Z",
        param_hint=option,
    )


def pairs(given: list[str], option: str) -> dict[str, int]:
    """Read NAME=NUMBER pairs. Raises typer.BadParameter."""
    found = {}
    for pair in given:
        name, equals, number = pair.partition("=")
        if not equals or not number.isdigit():
            raise typer.BadParameter(f"{pair!r} is not NAME=NUMBER", param_hint=option)
        found[name] = int(number)
    return found


def values(given: list[str], option: str) -> dict[str, str]:
    """Read KEY=VALUE pairs. Raises typer.BadParameter."""
    found = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise typer.BadParameter(f"{pair!r} is not KEY=VALUE", param_hint=option)
        found[name] = value
    return found
