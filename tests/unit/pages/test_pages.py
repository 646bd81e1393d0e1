"""Pages that stand alone, and charts that stay within their frames."""

import re
from xml.etree import ElementTree

import pytest

from millrace.pages import charts, page, table
from millrace.pages.charts import Node, curves, judged
from millrace.pages.words import counted


def numbers(svg: str, attribute: str) -> list[float]:
    return [float(value) for value in re.findall(rf'\b{attribute}="(-?[\d.]+)"', svg)]


def drawn(html: str) -> str:
    """The one SVG in it, which has to be well formed."""
    svg = html[html.index("<svg") : html.index("</svg>") + 6]
    ElementTree.fromstring(svg)
    return svg


def test_a_page_needs_nothing_else_and_leaves_out_empty_sections() -> None:
    html = page(kicker="k", title="<b>&", sections=[("a", "A & B", "<p>x</p>"), ("b", "Gone", "")], foot="end")
    assert "<h1>&lt;b&gt;&amp;</h1>" in html
    assert 'href="#a"' in html
    assert "Gone" not in html
    assert "http" not in html
    assert "<style>:root" in html


def test_a_table_has_its_numbers_to_the_right() -> None:
    html = table(("name", "rows"), [("a", "1"), ("b", "2")], numbers=[1])
    assert html.count('<td class="n">') == 2
    assert html.count("<tr>") == 3


def test_curves_lie_within_their_frame_and_are_named() -> None:
    html = charts.lines([("a<b", [(1, 2.0), (50, 1.0), (100, 0.25)]), ("one", [(3, 0.5)]), ("none", [])], title="loss")
    svg = drawn(html)
    places = [tuple(map(float, pair.split(","))) for pair in re.findall(r"[\d.]+,[\d.]+", svg)]
    assert len(places) == 3
    assert all(curves.LEFT <= x <= curves.WIDTH - curves.RIGHT for x, _ in places)
    assert all(curves.TOP <= y <= curves.HEIGHT - curves.BOTTOM for _, y in places)
    assert [y for _, y in places] == sorted(y for _, y in places)
    assert "a&lt;b" in html
    assert svg.count("<circle") == 1
    assert "none" not in html
    assert charts.lines([("none", [])], title="loss") == ""


def test_an_interval_shows_its_bounds_and_another_beside_it() -> None:
    svg = drawn(charts.interval(0.9, 0.85, 0.93, other=(0.8, 0.7, 0.88)))
    assert 'x1="170.0" x2="186.0"' in svg
    assert 'x1="140.0" x2="176.0"' in svg
    assert "0.900, between 0.850 and 0.930" in svg


def test_a_matrix_is_as_dark_as_a_fields_share_of_its_row() -> None:
    svg = drawn(charts.matrix(["late", "lost"], [[3, 1], [0, 0]], title="confusion"))
    assert "late, answered lost: 1" in svg
    assert re.search(r'class="cold"[^>]*fill-opacity="0.75"', svg)
    assert re.search(r'class="warm"[^>]*fill-opacity="0.25"', svg)


def test_reliability_leaves_out_empty_bins_and_stays_in_its_frame() -> None:
    svg = drawn(charts.reliability([(0.55, 0.5, 10), (0.95, 0.9, 90), (0.7, 0.0, 0)], title="reliability"))
    assert svg.count('<circle class="bin"') == 2
    assert "90 answers of confidence 95%: 90% right" in svg
    assert all(0 <= value <= judged.SIDE for value in (*numbers(svg, "cx"), *numbers(svg, "cy")))


@pytest.mark.parametrize(
    ("number", "what", "several", "told"),
    [
        (1, "row", "", "1 row"),
        (0, "row", "", "0 rows"),
        (1200, "row", "", "1,200 rows"),
        (1, "body", "bodies", "1 body"),
        (2, "body", "bodies", "2 bodies"),
    ],
)
def test_one_is_not_several(number: int, what: str, several: str, told: str) -> None:
    assert counted(number, what, several) == told


def test_a_graph_has_its_boxes_within_the_frame_apart_from_each_other_and_its_curves_end_at_them() -> None:
    columns = [[Node("a", "a<b", ("1 row",)), Node("b", "b")], [], [Node("c", "c" * 60, ("x", "y"), hue=2)]]
    svg = drawn(charts.graph(columns, [("a", "c"), ("b", "c"), ("gone", "c")], title="from & to"))
    wide, tall = map(float, re.findall(r'viewBox="-1 -1 (\d+) (\d+)"', svg)[0])
    boxes = [tuple(map(float, one)) for one in re.findall(r'class="box" x="([\d.]+)" y="([\d.]+)" height="(\d+)"', svg)]
    assert len(boxes) == 3 and all(x + 190 <= wide and y + height <= tall for x, y, height in boxes)
    assert boxes[0][1] + boxes[0][2] < boxes[1][1], "one below the other"
    assert boxes[2][0] == 190 + 56, "an empty column takes no room"
    ends = re.findall(r' ([\d.]+),([\d.]+)"/>', svg)
    assert len(ends) == 2 and {tuple(map(float, end)) for end in ends} == {(boxes[2][0], boxes[2][1] + boxes[2][2] / 2)}
    assert "a&lt;b" in svg and "c" * 60 in svg and ">" + "c" * 26 + "…<" in svg
