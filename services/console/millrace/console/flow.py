"""The picture of the flow: services where they stand in the loop, with counters that move."""

from collections.abc import Sequence
from html import escape

from millrace.console.domain import LINKS, Node

CELL_W, CELL_H, BOX_W, BOX_H = 232, 150, 158, 74
PAD = 26


def corner(node: Node) -> tuple[float, float]:
    return PAD + node.column * CELL_W, PAD + node.row * CELL_H


def picture(nodes: Sequence[Node], topics: dict[str, int]) -> str:
    """The flow as SVG; `topics` gives the number of events on each arrow."""
    places = {node.name: node for node in nodes}
    width = PAD * 2 + max(node.column for node in nodes) * CELL_W + BOX_W
    height = PAD * 2 + max(node.row for node in nodes) * CELL_H + BOX_H
    arrows = "".join(arrow(places[start], places[end], topic, topics.get(topic, 0)) for start, end, topic in LINKS)
    boxes = "".join(map(box, nodes))
    head = (
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0,0L8,4L0,8z" class="head"/></marker></defs>'
    )
    return (
        f'<svg class="flow" viewBox="0 0 {width} {height}" role="img" aria-label="the flow">{head}{arrows}{boxes}</svg>'
    )


def box(node: Node) -> str:
    x, y = corner(node)
    state = "down" if not node.up else "lagging" if node.lag > 1000 else "up"
    dead = f' · <tspan class="dead">{node.dead:,} dead</tspan>' if node.dead else ""
    counts = f"{node.taken:,} in · {node.emitted:,} out" if node.up else "does not answer"
    return (
        f'<g class="node {state}"><rect x="{x}" y="{y}" width="{BOX_W}" height="{BOX_H}" rx="10"/>'
        f'<circle cx="{x + 16}" cy="{y + 20}" r="4.5"/>'
        f'<text class="name" x="{x + 28}" y="{y + 25}">{escape(node.name)}</text>'
        f'<text class="count" x="{x + 14}" y="{y + 46}" data-count="{node.taken + node.emitted}"'
        f' data-key="{escape(node.name)}">{counts}</text>'
        f'<text class="more" x="{x + 14}" y="{y + 62}">lag {node.lag:,}{dead}</text></g>'
    )


def arrow(start: Node, end: Node, topic: str, count: int) -> str:
    """An arrow between two boxes, with its topic and its count at the middle."""
    (x1, y1), (x2, y2) = corner(start), corner(end)
    if start.row == end.row:
        right = x2 > x1
        a = (x1 + BOX_W if right else x1, y1 + BOX_H / 2)
        b = (x2 if right else x2 + BOX_W, y2 + BOX_H / 2)
    else:
        shift = 26 if start.row < end.row else -26
        a = (x1 + BOX_W / 2 + shift, y1 + (BOX_H if start.row < end.row else 0))
        b = (x2 + BOX_W / 2 + shift, y2 + (0 if start.row < end.row else BOX_H))
    middle = ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
    ends = f'x1="{a[0]}" y1="{a[1]}" x2="{b[0]}" y2="{b[1]}"'
    key = escape(start.name + topic + end.name)
    return (
        f'<g class="arrow{" moving" if count else ""}"><line {ends} marker-end="url(#head)"/>'
        f"<title>{escape(topic)}: {count:,}</title>"
        f'<text x="{middle[0]}" y="{middle[1] - 6}" text-anchor="middle" data-count="{count}" data-key="{key}">'
        f"{count:,}</text></g>"
    )
