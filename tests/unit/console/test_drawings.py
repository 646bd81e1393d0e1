"""Charts and the flow as SVG: well-formed, within their frame, safe."""

import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest

from millrace.console import charts, flow
from millrace.console.domain import Line, Mark
from millrace.console.domain.nodes import LINKS, PLACES, nodes

AT = datetime(2026, 1, 5, 9, tzinfo=UTC)


def line(name: str, *values: float, **more: object) -> Line:
    return Line(name, [(AT + timedelta(seconds=10 * n), value) for n, value in enumerate(values)], **more)  # type: ignore[arg-type]


def drawn(html: str) -> ElementTree.Element:
    return ElementTree.fromstring(html[html.index("<svg") :])


def numbers(path: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+\.?\d*", path)]


def test_a_chart_stays_within_its_frame() -> None:
    shown = [line("v1", 0.9, 0.4, 1.0), line("v2", 0.2, 0.3)]
    svg = drawn(charts.lines(shown, title="accuracy", high=1.0))
    for path in svg.iter("path"):
        places = numbers(path.attrib["d"])
        assert all(charts.LEFT <= x <= charts.WIDTH - charts.RIGHT for x in places[::2])
        assert all(charts.TOP <= y <= charts.HEIGHT - charts.BOTTOM for y in places[1::2])


def test_higher_values_are_drawn_higher_and_later_ones_further_right() -> None:
    svg = drawn(charts.lines([line("v1", 0.2, 0.8)], title="accuracy"))
    x1, y1, x2, y2 = numbers(next(svg.iter("path")).attrib["d"])
    assert x2 > x1 and y2 < y1


@pytest.mark.parametrize("shown", [[], [line("v1")], [line("v1", 0.5)]])
def test_too_little_to_draw_is_said(shown: list[Line]) -> None:
    assert "nothing to draw yet" in charts.lines(shown, title="accuracy")


@pytest.mark.parametrize("values", [(0.5, 0.5, 0.5), (0.0, 0.0), (1.0, 1.0), (-3.0, 12000.0), (1e-9, 2e-9)])
@pytest.mark.parametrize("high", [None, 1.0])
def test_flat_tiny_and_huge_values_have_a_scale(values: tuple[float, ...], high: float | None) -> None:
    svg = drawn(charts.lines([line("v1", *values)], title="x", high=high))
    assert 2 <= len([one for one in svg.iter("line") if one.attrib["class"] == "grid"]) <= 8


@pytest.mark.parametrize(
    ("low", "high", "shown"), [(0.31, 1.0, [0.2, 0.4, 0.6, 0.8, 1.0]), (0.0, 0.1, [0, 0.025, 0.05, 0.075, 0.1])]
)
def test_ticks_are_round_and_take_in_both_ends(low: float, high: float, shown: list[float]) -> None:
    assert charts.ticks(low, high) == pytest.approx(shown)


def test_marks_out_of_sight_are_left_out_and_names_do_not_overlap() -> None:
    marks = [Mark(AT + timedelta(seconds=n), f"mark {n}", "change") for n in (-5, 1, 2, 3, 4, 5, 99)]
    svg = drawn(charts.lines([line("v1", 0.1, 0.2)], marks, title="x"))
    groups = [group for group in svg.iter("g") if group.attrib["class"].startswith("mark")]
    assert len(groups) == 5
    boxes = [
        (float(t.attrib["y"]), float(t.attrib["x"]), len(t.text or "") * 6.6) for g in groups for t in g.iter("text")
    ]
    assert len(boxes) >= 3
    for row, left, wide in boxes:
        assert not [other for y, other, _ in boxes if y == row and left < other < left + wide]


def test_lines_of_one_version_share_a_colour() -> None:
    shown = [line("v1", 0.1, 0.2, version="v1"), line("v2", 0.1, 0.2, version="v2")]
    shown.append(line("v2 canary", 0.1, 0.2, version="v2", dashed=True))
    classes = [path.attrib["class"] for path in drawn(charts.lines(shown, title="x")).iter("path")]
    assert classes == ["line c0", "line c1", "line c1 dashed"]


def test_names_can_not_become_markup() -> None:
    html = charts.lines([line("<b>", 0.1, 0.2)], [Mark(AT, '"><script>', "change")], title="<i>")
    assert "<script>" not in html and "<b>" not in html and "<i>" not in html
    drawn(html)


@pytest.mark.parametrize("narrow", [False, True])
def test_the_flow_draws_every_service_and_arrow_within_its_frame(narrow: bool) -> None:
    known = {name: {"millrace_events": [({}, 10.0**9)]} for name in PLACES}
    svg = drawn(flow.picture(nodes(known, {}), {"document.kept": 10**6}, {"document.kept": 3.0}, narrow=narrow))
    _, _, width, height = numbers(svg.attrib["viewBox"])
    assert [text.text for text in svg.iter("text") if text.get("class") == "name"] == list(PLACES)
    arrows = [group for group in svg.iter("g") if group.attrib["class"].startswith("arrow")]
    assert len(arrows) == len(LINKS)
    assert [group.attrib["class"] for group in arrows].count("arrow moving") == 1
    for box in svg.iter("rect"):
        assert float(box.attrib["x"]) + float(box.attrib["width"]) <= width
        assert float(box.attrib["y"]) + float(box.attrib["height"]) <= height
    for group in arrows:
        places = numbers(group.find("path").attrib["d"])  # type: ignore[union-attr]
        assert all(0 <= x <= width for x in places[::2]) and all(0 <= y <= height for y in places[1::2])
