"""One way to print: JSON for programs, tables for people."""

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)
PIPE = 10**6
"""Columns of an output that is no terminal: nothing in it is cut or folded."""
ID = re.compile(r"(p-)?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}")


def printed(data: Any) -> None:
    """Print data as JSON on standard output."""
    sys.stdout.write(json.dumps(data, indent=2, default=str) + "\n")
    sys.stdout.flush()


def show(data: Any, as_json: bool, render: Callable[[], RenderableType]) -> None:
    """Print `data` as JSON, or what `render` makes of it for a person."""
    if as_json:
        printed(data)
    else:
        made = render()
        page = console if console.is_terminal else Console(highlight=False, width=PIPE)
        page.print(made, soft_wrap=isinstance(made, str))  # a command in a sentence can be copied whole


def short(text: str, most: int) -> str:
    """Return a text in one line; of a long one the beginning, where somebody looks rather than a program."""
    flat = " ".join(text.split())
    return flat if len(flat) <= most or not console.is_terminal else flat[: most - 1] + "\u2026"


def table(columns: Sequence[str], rows: Iterable[Sequence[RenderableType]], title: str | None = None) -> Table:
    """Return a plain table; numbers and markup are the caller's. An id is never cut: the next command asks for it."""
    made = Table(title=title, box=None, pad_edge=False, header_style="dim", title_justify="left")
    told = list(rows)
    for place, column in enumerate(columns):
        whole = any(_is_id(row[place]) for row in told if place < len(row))
        made.add_column(column, overflow="fold", no_wrap=whole, min_width=36 if whole else None)
    for row in told:
        made.add_row(*row)
    return made


def _is_id(cell: RenderableType) -> bool:
    return isinstance(cell, str | Text) and ID.fullmatch(str(cell)) is not None
