"""The frame of a page: one file that needs nothing else."""

from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from importlib import resources


@cache
def css() -> str:
    return resources.files("millrace.pages").joinpath("page.css").read_text("utf-8")


def page(
    *,
    kicker: str,
    title: str,
    under: str = "",
    top: str = "",
    sections: Iterable[tuple[str, str, str]],
    foot: str = "",
) -> str:
    """A whole page. `sections` are (id, heading, HTML); those without HTML are left out. `under`, `top` and `foot` are
    HTML too, `kicker` and `title` are text."""
    there = [section for section in sections if section[2]]
    links = "".join(f'<a href="#{id}">{escape(heading)}</a>' for id, heading, _ in there)
    blocks = "".join(f'<section id="{id}"><h2>{escape(heading)}</h2>{body}</section>' for id, heading, body in there)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}: {escape(kicker)}</title><style>{css()}</style></head><body><main>"
        f'<header><p class="kicker">{escape(kicker)}</p><h1>{escape(title)}</h1><p class="under">{under}</p></header>'
        f"{top}<nav>{links}</nav>{blocks}{f'<footer>{foot}</footer>' if foot else ''}"
        "</main></body></html>\n"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int] = ()) -> str:
    """A table of HTML cells; the columns in `numbers` stand to the right."""
    kinds = [' class="n"' if at in numbers else "" for at in range(len(head))]
    top = "".join(f"<th{kind}>{cell}</th>" for kind, cell in zip(kinds, head, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
