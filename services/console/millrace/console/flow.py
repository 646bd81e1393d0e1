"""The picture of the flow: services where they stand in the loop, with counters that move."""

from collections.abc import Mapping, Sequence
from html import escape

from millrace.console.domain import LINKS, Link, Node
from millrace.console.domain.nodes import compact
from millrace.pages.words import counted

BOX_W, BOX_H, PAD = 166, 78, 14
GAP_WIDE = (74, 84)
GAP_NARROW = (74, 62)
OUT = {"l": (-1, 0), "r": (1, 0), "t": (0, -1), "b": (0, 1)}
TURNED = {"l": "t", "r": "b", "t": "l", "b": "r"}
BOW = 34
"""How far a curve goes straight on before it bends."""


class Picture:
    """Where things are: as a wide band, or turned into two columns for a narrow screen."""

    def __init__(self, nodes: Sequence[Node], *, narrow: bool) -> None:
        self.narrow = narrow
        self.places = {node.name: node.place[::-1] if narrow else node.place for node in nodes}
        gap = GAP_NARROW if narrow else GAP_WIDE
        self.cell = (BOX_W + gap[0], BOX_H + gap[1])
        columns, rows = (max(place[axis] for place in self.places.values()) for axis in (0, 1))
        self.width = PAD * 2 + columns * self.cell[0] + BOX_W + (BOW if narrow else 0)
        self.height = PAD * 2 + rows * self.cell[1] + BOX_H + (0 if narrow else BOW - 4)

    def corner(self, name: str) -> tuple[float, float]:
        column, row = self.places[name]
        return PAD + column * self.cell[0], PAD + row * self.cell[1]

    def port(self, name: str, side: str, shift: int) -> tuple[float, float, tuple[int, int]]:
        """A point on a side of a box and the direction out of it."""
        side = TURNED[side] if self.narrow else side
        x, y = self.corner(name)
        out = OUT[side]
        middle = (x + BOX_W / 2 * (1 + out[0]), y + BOX_H / 2 * (1 + out[1]))
        along = shift * (BOX_H / BOX_W if self.narrow else 1) if out[1] == 0 else shift
        return (middle[0], middle[1] + along, out) if out[1] == 0 else (middle[0] + along, middle[1], out)


def picture(
    nodes: Sequence[Node], topics: Mapping[str, int], rates: Mapping[str, float], *, narrow: bool = False
) -> str:
    """The flow as SVG; `topics` and `rates` give the events on each arrow, in all and a second."""
    frame = Picture(nodes, narrow=narrow)
    head = f"head{'-narrow' if narrow else ''}"
    arrows = [arrow(frame, link, topics, rates, head) for link in LINKS]
    boxes = "".join(box(frame, node) for node in nodes)
    marker = (
        f'<defs><marker id="{head}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
        '<path d="M0,0.5L7.5,4L0,7.5z" class="head"/></marker></defs>'
    )
    told = "The flow. " + ". ".join(f"{node.name}: {', '.join(node.lines)}" for node in nodes)
    return (
        f'<svg class="flow {"narrow" if narrow else "wide"}" viewBox="0 0 {frame.width} {frame.height}" role="img"'
        f' aria-label="{escape(told)}">{marker}{"".join(arrows)}{boxes}</svg>'
    )


def box(frame: Picture, node: Node) -> str:
    x, y = frame.corner(node.name)
    lines = [
        f'<text class="count" x="{x + 14}" y="{y + 46 + 16 * number}" data-count="">{escape(line)}</text>'
        for number, line in enumerate(node.lines)
    ]
    dead = f'<text class="dead" x="{x + BOX_W - 12}" y="{y + 25}">{compact(node.dead)} dead</text>' if node.dead else ""
    return (
        f'<g class="node {node.state}"><rect x="{x}" y="{y}" width="{BOX_W}" height="{BOX_H}" rx="11"/>'
        f'<circle cx="{x + 18}" cy="{y + 20.5}" r="4.5"/>'
        f'<text class="name" x="{x + 30}" y="{y + 25}">{escape(node.name)}</text>{dead}{"".join(lines)}</g>'
    )


def arrow(frame: Picture, link: Link, topics: Mapping[str, int], rates: Mapping[str, float], head: str) -> str:
    """A curve between two boxes, with its count at the middle; it moves while events do."""
    count = sum(topics.get(topic, 0) for topic in link.topics)
    rate = sum(rates.get(topic, 0.0) for topic in link.topics)
    x1, y1, out1 = frame.port(link.start, link.sides[0], link.shift[0])
    x2, y2, out2 = frame.port(link.end, link.sides[1], link.shift[1])
    c1, c2 = (x1 + BOW * out1[0], y1 + BOW * out1[1]), (x2 + BOW * out2[0], y2 + BOW * out2[1])
    middle = ((x1 + 3 * c1[0] + 3 * c2[0] + x2) / 8, (y1 + 3 * c1[1] + 3 * c2[1] + y2) / 8)
    curve = f"M{x1:.1f},{y1:.1f}C{c1[0]:.1f},{c1[1]:.1f} {c2[0]:.1f},{c2[1]:.1f} {x2:.1f},{y2:.1f}"
    told = f"{', '.join(link.topics)}: {counted(count, 'event')}, {rate:.1f} a second"
    place = f'x="{middle[0]:.1f}" y="{middle[1] + 3.5:.1f}"'
    label = f'<text {place} text-anchor="middle" data-count="">{compact(count)}</text>' if count else ""
    state = "moving" if rate else "used" if count else "unused"
    return (
        f'<g class="arrow {state}"><title>{escape(told)}</title>'
        f'<path d="{curve}" marker-end="url(#{head})"/>{label}</g>'
    )
