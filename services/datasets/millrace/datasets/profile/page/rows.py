"""Where rows come from, which repeat one another, and what they lack."""

from datetime import UTC, datetime, timedelta
from html import escape

from millrace.datasets.profile.notes import number, plural, share
from millrace.datasets.profile.page.cells import Figures, called, row
from millrace.pages import charts


def origin(figures: Figures) -> str:
    rows = figures["rows"]
    told = {name: found for name, found in figures["categories"].items() if found["rows"]}
    alike = {name: found["top"][0][0] for name, found in told.items() if found["kinds"] == 1 and found["rows"] == rows}
    blocks = [
        f"<div><h3>{escape(called(name))}</h3>{_category(found, rows)}</div>"
        for name, found in told.items()
        if name not in alike
    ]
    blocks += [f"<div><h3>{escape(called(name))}</h3>{_times(found)}</div>" for name, found in figures["times"].items()]
    same = ", ".join(f"{called(name).lower()} <b>{escape(str(value))}</b>" for name, value in alike.items())
    lead = f'<p class="lead">Shares of all rows{f"; the same in all of them: {same}" if same else ""}.</p>'
    return f'{lead}<div class="two">{"".join(blocks)}</div>' if blocks or same else ""


def _category(found: Figures, rows: int) -> str:
    """A notch stands at a value's share in the parent."""
    shares = [(name, count, before) for name, count, before in found["top"][:12]]
    most = max(max(count / rows, before or 0) for _, count, before in shares)
    shown = "".join(
        row(name, charts.bar([("s0", count / rows)], most=most, before=before), number(count), share(count, rows))
        for name, count, before in shares
    )
    rest = found["kinds"] - 12
    absent = rows - found["rows"]
    more = [plural(rest, "more value", "more values")] if rest > 0 else []
    more += [plural(absent, "row without", "rows without")] if absent else []
    more += [f"gone since the parent: {escape(', '.join(found['gone']))}"] if found["gone"] else []
    return shown + (f"<small>{'; '.join(more)}</small>" if more else "")


def _times(found: Figures) -> str:
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=found["first_hour"])
    step, counts = timedelta(hours=found["step_hours"]), found["counts"]
    form = "%d %b %H:%M" if found["step_hours"] < 24 else "%Y-%m-%d"
    moments = [start + step * (len(counts) * place / 2) for place in range(3)]
    return charts.histogram(counts, [f"{at:{form}}" for at in moments], title="rows by time")


_REPEATS = {
    True: (("same", "rows repeat a text"), ("two_labels", "texts under two labels")),
    False: (("same", "rows repeat the features of another"), ("two_labels", "sets of features under two labels")),
}
"""What is told of rows that are the same, where they are texts and where they are not."""


def duplicates(figures: Figures) -> str:
    found = figures["duplicates"]
    facts = [(name, found[key]) for key, name in _REPEATS[bool(figures["texts"])] if key in found]
    facts += [
        (f"dropped as {kind} before the cut, in the workspace", count) for kind, count in found["dropped"].items()
    ]
    if found["weight"] >= 1:
        facts.append(("of them count in the weight of the row that was kept", found["weight"]))
    table = "".join(
        f'<tr><td class="n"><b>{number(count)}</b></td><td>{escape(name)}</td></tr>' for name, count in facts
    )
    clusters = found.get("clusters")
    if not facts and not clusters:
        return ""
    blocks = f"<div><table>{table}</table></div>" if table else ""
    if clusters:
        order = [name for name in ("1", "2", "3-4", "5-9", "10-49", "50+") if name in clusters["sizes"]]
        most = max(clusters["sizes"].values(), default=1)
        rows = "".join(
            row(f"{name} row{'' if name == '1' else 's'}", charts.bar([("s0", clusters["sizes"][name])], most=most),
                 number(clusters["sizes"][name]), share(clusters["sizes"][name], clusters["all"]))
            for name in order
        )  # fmt: skip
        largest = f"the largest of {number(clusters['largest'])}"
        blocks += f"<div><h3>{number(clusters['all'])} clusters by size, {largest}</h3>{rows}</div>"
    lead = "Rows that resemble one another share a cluster, and a cluster never straddles splits."
    return f'<p class="lead">{lead if clusters else ""}</p><div class="two">{blocks}</div>'


def missing(figures: Figures) -> str:
    rows = figures["rows"]
    holes = {name: count for name, count in figures["missing"].items() if count}
    full = len(figures["missing"]) - len(holes)
    kinds = {name: "meant" if name in figures["declared"]["optional"] else "empty" for name in holes}
    shown = "".join(
        row(name, charts.bar([(kinds[name], count)], most=max(rows, 1)), number(count), share(count, rows))
        for name, count in sorted(holes.items(), key=lambda item: (-item[1], item[0]))
    )
    rest = ", these are not." if "empty" in kinds.values() else "; these may be empty." if holes else "."
    lead = f"{plural(full, 'column is', 'columns are')} complete{rest}"
    keys = {kind: name for kind, name in (("empty", "missing"), ("meant", "may be missing")) if kind in kinds.values()}
    return f'<p class="lead">{lead}</p>{charts.legend(list(keys.items())) if len(keys) > 1 else ""}{shown}'
