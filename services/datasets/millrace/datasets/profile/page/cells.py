"""What several sections are made of."""

from collections.abc import Mapping
from html import escape
from typing import Any

Figures = Mapping[str, Any]


def row(name: str, bar: str, *cells: str, title: str = "") -> str:
    shown = "".join(f'<span class="n">{cell}</span>' for cell in cells)
    return f'<div class="row"><span title="{escape(title or name)}">{escape(name)}</span>{bar}{shown}</div>'


def called(name: str) -> str:
    return name.replace("_", " ").capitalize()
