"""What came from what, from left to right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, GAP, BETWEEN = 190, 56, 18
LINE, PAD = 16, 10
ROOM = 27
"""Characters that fit into a box."""


@dataclass(frozen=True, slots=True)
class Node:
    """A box: a title, lines below it, and a hue (0 to 5) for its kind."""

    id: str
    title: str
    lines: tuple[str, ...] = ()
    hue: int = 0

    @property
    def height(self) -> int:
        return 2 * PAD + LINE * (1 + len(self.lines)) - 2


def graph(columns: Sequence[Sequence[Node]], edges: Sequence[tuple[str, str]], *, title: str) -> str:
    """Boxes in columns, and curves between those that `edges` name; empty columns are left out."""
    shown = [column for column in columns if column]
    tall = max((_height(column) for column in shown), default=0)
    places = {
        node.id: (at * (WIDTH + GAP), y, node) for at, column in enumerate(shown) for node, y in _stacked(column, tall)
    }
    drawn = "".join(_edge(places, one, other) for one, other in edges if one in places and other in places)
    boxes = "".join(_box(x, y, node) for x, y, node in places.values())
    wide = len(shown) * (WIDTH + GAP) - GAP
    fit = f'style="min-width:{wide * 0.8:.0f}px;max-width:{wide * 1.1:.0f}px"'
    box = f'class="graph" viewBox="-1 -1 {wide + 2} {tall + 2}" {fit} role="img" aria-label="{escape(title)}"'
    return f'<div class="scroll"><svg {box}>{drawn}{boxes}</svg></div>'


def _height(column: Sequence[Node]) -> int:
    return sum(node.height for node in column) + BETWEEN * (len(column) - 1)


def _stacked(column: Sequence[Node], tall: int) -> list[tuple[Node, float]]:
    y = (tall - _height(column)) / 2
    found = []
    for node in column:
        found.append((node, y))
        y += node.height + BETWEEN
    return found


def _edge(places: Mapping[str, tuple[float, float, Node]], one: str, other: str) -> str:
    left, right = places[one], places[other]
    x1, y1 = left[0] + WIDTH, left[1] + left[2].height / 2
    x2, y2 = right[0], right[1] + right[2].height / 2
    middle = (x1 + x2) / 2
    return f'<path class="edge" d="M{x1:.1f},{y1:.1f}C{middle:.1f},{y1:.1f} {middle:.1f},{y2:.1f} {x2:.1f},{y2:.1f}"/>'


def _box(x: float, y: float, node: Node) -> str:
    whole = "\n".join((node.title, *node.lines))
    words = [f'<text class="name" x="{x + 14:.1f}" y="{y + PAD + 11:.1f}">{escape(_cut(node.title))}</text>']
    words += [
        f'<text x="{x + 14:.1f}" y="{y + PAD + 11 + LINE * at:.1f}">{escape(_cut(line))}</text>'
        for at, line in enumerate(node.lines, 1)
    ]
    frame = f'x="{x:.1f}" y="{y:.1f}" height="{node.height}"'
    return (
        f'<g class="c{node.hue}"><title>{escape(whole)}</title><rect class="box" {frame} width="{WIDTH}" rx="8"/>'
        f'<rect class="edgeband" {frame} width="5" rx="2.5"/>{"".join(words)}</g>'
    )


def _cut(text: str) -> str:
    return text if len(text) <= ROOM else f"{text[: ROOM - 1]}…"
