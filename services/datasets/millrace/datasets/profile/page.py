"""A profile as one page that stands alone: figures in, HTML out, the same bytes for the same figures."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

from millrace.datasets.profile.notes import number, plural, share, strongest
from millrace.pages import charts, page

SPLITS = ("train", "validation", "fresh", "golden")
SHOWN = 20
"""Columns whose correlations are drawn."""
LONG = 24
"""Labels in one column; more stand in two."""
NAMES = {"low": "lowest", "p5": "5 %", "p50": "median", "p95": "95 %", "high": "highest"}
Figures = Mapping[str, Any]


def render(figures: Figures) -> str:
    return page(
        kicker="Millrace data profile",
        title=str(figures["version"].get("name", "data")),
        under=_under(figures),
        top=f"{_figures(figures)}{_notes(figures)}",
        sections=_sections(figures),
        foot=_foot(figures),
    )


def _sections(figures: Figures) -> Iterator[tuple[str, str, str]]:
    yield "labels", "Labels", _labels(figures)
    yield "texts", "Lengths and words", _texts(figures)
    yield "numbers", "Numbers", _numbers(figures)
    yield "origin", "Where the rows come from", _origin(figures)
    yield "duplicates", "Duplicates", _duplicates(figures)
    yield "missing", "Missing values", _missing(figures)
    yield "drift", "Since the parent", _drift(figures)
    yield "outliers", "Texts that look like another label", _outliers(figures)
    yield "examples", "Examples", _examples(figures)


def _under(figures: Figures) -> str:
    about = figures["version"]
    words = [f"Cut {about['created_at'][:16].replace('T', ' ')} UTC"] if about.get("created_at") else []
    words += [f"because of {about['because']}"] if about.get("because") else []
    line = escape(" ".join(words))
    if about.get("parent_name"):
        line += f"{'; ' if line else ''}compared with its parent {escape(about['parent_name'])}"
    return line + (f"<br><code>{escape(about['digest'])}</code>" if about.get("digest") else "")


def _figures(figures: Figures) -> str:
    texts, drift = figures["texts"], figures["drift"]
    cells = [(number(figures["rows"]), "rows")]
    if figures["labels"]:
        cells.append((number(sum(1 for each in figures["labels"] if each["rows"])), "labels"))
    if texts:
        middle = texts["words"]["quantiles"].get("p50", 0)
        cells += [
            (number(middle), "words in the median text"),
            (number(texts["vocabulary"]["different"]), "different words"),
        ]
    if figures["numbers"]:
        cells.append((number(len(figures["numbers"]["order"])), "columns of numbers"))
    dropped = figures["duplicates"]["dropped"]
    if dropped:
        cells.append((number(sum(dropped.values())), "duplicates dropped before"))
    if drift:
        cells.append((f"{drift['rows']:+,.0f}", "rows since the parent"))
        if drift["labels"] is not None:
            cells.append((f"{drift['labels']:.2f}", "distance of labels, of 1"))
    told = "".join(f"<div><b>{value}</b><span>{name}</span></div>" for value, name in cells)
    return f'<div class="figures">{told}</div>'


def _notes(figures: Figures) -> str:
    return f'<ul class="notes">{"".join(_note(note) for note in figures["notes"])}</ul>'


def _note(note: Mapping[str, str]) -> str:
    return f'<li class="{note["kind"]}">{escape(note["text"])}</li>'


def _row(name: str, bar: str, *cells: str, title: str = "") -> str:
    shown = "".join(f'<span class="n">{cell}</span>' for cell in cells)
    return f'<div class="row"><span title="{escape(title or name)}">{escape(name)}</span>{bar}{shown}</div>'


def _labels(figures: Figures) -> str:
    labels = figures["labels"]
    if not labels:
        return ""
    there = [split for split in (*SPLITS, "all") if any(split in each["splits"] for each in labels)]
    kinds = {split: f"s{SPLITS.index(split)}" if split in SPLITS else "s0" for split in there}
    compared = any(each["before"] is not None for each in labels)
    total = sum(each["rows"] for each in labels) or 1
    most = max(max(each["rows"] / total, each["before"] or 0) for each in labels)
    rows = [_label(each, kinds, total, most, compared) for each in labels]
    keys = [(kind, split) for split, kind in kinds.items()] + ([("notch", "share in the parent")] if compared else [])
    lead = "Rows of each label, by what they are used for." + (
        " The notch is its share in the parent." if compared else ""
    )
    body = f'<div class="{"long" if len(rows) > LONG else ""}">{"".join(rows)}</div>'
    return f'<p class="lead">{lead}</p>{charts.legend(keys)}{body}'


def _label(each: Figures, kinds: Mapping[str, str], total: int, most: float, compared: bool) -> str:
    parts = [(kinds[split], each["splits"].get(split, 0) / total) for split in kinds]
    bar = charts.bar(parts, most=most, before=each["before"])
    cells = f'<span class="n">{number(each["rows"])}</span><span class="n dim">{share(each["rows"], total)}</span>'
    if compared:
        moved = each["share"] - (each["before"] or 0)
        way = "" if abs(moved) < 0.0005 else "up" if moved > 0 else "down"
        cells += (
            f'<span class="n delta {way}">{100 * moved:+.1f} pp</span>'
            if way
            else '<span class="n delta dim">as before</span>'
        )
    name = f'<span title="{escape(each["label"])}">{escape(each["label"])}</span>'
    return f'<div class="row{" wide" if compared else ""}">{name}{bar}{cells}</div>'


def _texts(figures: Figures) -> str:
    texts = figures["texts"]
    if not texts or not figures["rows"]:
        return ""
    both = "".join(_lengths(texts[kind], kind) for kind in ("characters", "words"))
    legend = charts.legend([("s0", "this version"), ("line", "its parent")]) if texts["words"]["before"] else ""
    vocabulary = texts["vocabulary"]
    most = max((count for _, count in vocabulary["top"]), default=1)
    rows = "".join(
        _row(word, charts.bar([("s0", count)], most=most), number(count), share(count, vocabulary["in_all"]))
        for word, count in vocabulary["top"][:24]
    )
    words = f"The most frequent of {number(vocabulary['in_all'])} words"
    return (
        '<p class="lead">How long the texts are. The last column takes what is longer still.</p>'
        f'{legend}<div class="two">{both}</div><h3 style="margin-top:24px">{words}</h3><div class="long">{rows}</div>'
    )


def _lengths(found: Figures, kind: str) -> str:
    columns, width = len(found["counts"]), found["width"]
    names = [number(columns * width * place / 4) for place in range(5)]
    marks = {"median": (found["quantiles"].get("p50", 0) + 0.5) / width}
    title = f"{kind} of a text: median {found['quantiles'].get('p50')}"
    chart = charts.histogram(found["counts"], names, title=title, before=found["before"], marks=marks)
    cuts = "".join(
        f"<span>{name} <b>{number(found['quantiles'].get(key, 0))}</b></span>" for key, name in NAMES.items()
    )
    return f'<div><h3>{kind.capitalize()}</h3>{chart}<p class="cuts">{cuts}</p></div>'


def _origin(figures: Figures) -> str:
    blocks = [
        f"<div><h3>{escape(_called(name))}</h3>{_category(found, figures['rows'])}</div>"
        for name, found in figures["categories"].items()
        if found["rows"]
    ]
    blocks += [
        f"<div><h3>{escape(_called(name))}</h3>{_times(found)}</div>" for name, found in figures["times"].items()
    ]
    return f'<p class="lead">Shares of all rows.</p><div class="two">{"".join(blocks)}</div>' if blocks else ""


def _called(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _category(found: Figures, rows: int) -> str:
    most = max(count for _, count in found["top"])
    shown = "".join(
        _row(name, charts.bar([("s0", count)], most=most), number(count), share(count, rows))
        for name, count in found["top"][:12]
    )
    rest = found["kinds"] - 12
    absent = rows - found["rows"]
    more = [plural(rest, "more value", "more values")] if rest > 0 else []
    more += [f"{number(absent)} rows without"] if absent else []
    return shown + (f"<small>{', '.join(more)}</small>" if more else "")


def _times(found: Figures) -> str:
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=found["first_hour"])
    step, counts = timedelta(hours=found["step_hours"]), found["counts"]
    form = "%d %b %H:%M" if found["step_hours"] < 24 else "%Y-%m-%d"
    moments = [start + step * (len(counts) * place / 2) for place in range(3)]
    return charts.histogram(counts, [f"{at:{form}}" for at in moments], title="rows by time")


def _duplicates(figures: Figures) -> str:
    found = figures["duplicates"]
    facts = [
        (name, found[key])
        for key, name in (("same_text", "rows repeat a text"), ("two_labels", "texts under two labels"))
        if key in found
    ]
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
            _row(f"{name} row{'' if name == '1' else 's'}", charts.bar([("s0", clusters["sizes"][name])], most=most),
                 number(clusters["sizes"][name]), share(clusters["sizes"][name], clusters["all"]))
            for name in order
        )  # fmt: skip
        largest = f"the largest of {number(clusters['largest'])}"
        blocks += f"<div><h3>{number(clusters['all'])} clusters by size, {largest}</h3>{rows}</div>"
    lead = "Rows that resemble one another share a cluster, and a cluster never straddles splits."
    return f'<p class="lead">{lead if clusters else ""}</p><div class="two">{blocks}</div>'


def _missing(figures: Figures) -> str:
    rows = figures["rows"]
    holes = {name: count for name, count in figures["missing"].items() if count}
    full = len(figures["missing"]) - len(holes)
    kinds = {name: "meant" if name in figures["optional"] else "empty" for name in holes}
    shown = "".join(
        _row(name, charts.bar([(kinds[name], count)], most=max(rows, 1)), number(count), share(count, rows))
        for name, count in sorted(holes.items(), key=lambda item: (-item[1], item[0]))
    )
    rest = ", these are not." if "empty" in kinds.values() else "; these may be empty." if holes else "."
    lead = f"{plural(full, 'column is', 'columns are')} complete{rest}"
    keys = {kind: name for kind, name in (("empty", "missing"), ("meant", "may be missing")) if kind in kinds.values()}
    return f'<p class="lead">{lead}</p>{charts.legend(list(keys.items())) if len(keys) > 1 else ""}{shown}'


def _drift(figures: Figures) -> str:
    drift = figures["drift"]
    if not drift:
        return ""
    told = [
        ("labels", "Shares of labels", "Jensen-Shannon distance"),
        ("vocabulary", "Vocabulary", "Jensen-Shannon distance"),
    ]
    told += [
        ("characters", "Characters", "Kolmogorov-Smirnov statistic"),
        ("words", "Words", "Kolmogorov-Smirnov statistic"),
    ]
    rows = [_distance(name, kind, drift[key]) for key, name, kind in told if drift[key] is not None]
    rows += [
        _distance(_called(name), "Jensen-Shannon distance", value)
        for name, value in drift["categories"].items()
        if value is not None
    ]
    words = "".join(
        f"<div><h3>{title}</h3>{_chips(drift[key])}</div>"
        for key, title in (("new_words", "New words"), ("gone_words", "Words that are gone"))
        if drift[key]
    )
    moved = sorted(drift["by_label"].items(), key=lambda item: (-(item[1] or 0), item[0]))[:12]
    labels = "".join(
        _row(name, charts.bar([("s0", value)], most=1), f"{value:.2f}", "")
        for name, value in moved
        if value is not None
    )
    lead = (
        "The Jensen-Shannon distance of shares and words, the Kolmogorov-Smirnov statistic of lengths: "
        "0 is as in the parent, 1 is nothing in common."
    )
    labels = f"<div><h3>Labels whose words moved most</h3>{labels}</div>" if labels else ""
    first = f"<div><h3>Distances</h3>{''.join(rows)}</div>"
    return f'<p class="lead">{lead}</p><div class="two">{first}{labels}{words}</div>'


def _distance(name: str, kind: str, value: float) -> str:
    return _row(name, charts.bar([("s0", value)], most=1), f"{value:.3f}", "", title=kind)


def _chips(words: Sequence[Sequence[Any]]) -> str:
    shown = "".join(f"<li>{escape(word)}<small>{number(times)}</small></li>" for word, times in words)
    return f'<ul class="chips">{shown}</ul>'


def _outliers(figures: Figures) -> str:
    near = figures["near"]
    if not near or not near["texts"]:
        return ""
    nearer, looked = near["nearer_to_another"], near["looked_at"]
    lead = (
        f"{number(nearer)} of {number(looked)} texts ({share(nearer, looked)}) use the words of another label more "
        "than those of their own. These do most: mistakes of labelling are among them, and hard cases."
    )
    rows = "".join(_outlier(each) for each in near["texts"])
    head = "<thead><tr><th>text</th><th>its label, and how near</th><th>looks like, and how near</th></tr></thead>"
    return f'<p class="lead">{lead}</p><div class="scroll"><table>{head}<tbody>{rows}</tbody></table></div>'


def _outlier(each: Figures) -> str:
    where = f"<small><code>{escape(each['id'])}</code> {escape(each['split'])}</small>"
    both = ((each["label"], each["own"]), (each["nearest"], each["other"]))
    cells = "".join(f"<td>{escape(label)}<br><small>{near:.2f}</small></td>" for label, near in both)
    return f'<tr><td class="text">{escape(each["text"])}<br>{where}</td>{cells}</tr>'


def _examples(figures: Figures) -> str:
    telling = (figures["near"] or {}).get("telling", {})
    shown = [each for each in figures["labels"] if each["examples"]]
    blocks = "".join(
        _example(each, telling.get(each["label"], []), open=number < 3) for number, each in enumerate(shown)
    )
    lead = "A few rows of each label, drawn by their ids, and the words that tell the label from the rest."
    return f'<p class="lead">{lead}</p>{blocks}' if blocks else ""


def _example(each: Figures, words: Sequence[str], *, open: bool) -> str:
    texts = "".join(
        f'<p class="said">{escape(one["text"]) or "<i>empty</i>"}<small><code>{escape(one["id"])}</code></small></p>'
        for one in each["examples"]
    )
    told = f'<span class="dim">{escape(", ".join(words))}</span>' if words else ""
    heading = f"<b>{escape(each['label'])}</b><small>{number(each['rows'])} rows</small>{told}"
    return f"<details{' open' if open else ''}><summary>{heading}</summary>{texts}</details>"


def _numbers(figures: Figures) -> str:
    numbers = figures["numbers"]
    if not numbers or not numbers["order"]:
        return ""
    cards = "".join(_column(name, numbers["columns"][name]) for name in numbers["order"])
    many = len(numbers["order"])
    pairs = [pair for pair in strongest(numbers) if abs(pair[2]) >= 0.3][:8]
    rows = "".join(
        _row(f"{one}, {other}", charts.bar([("warm" if value > 0 else "cold", abs(value))], most=1), f"{value:+.2f}")
        for one, other, value in pairs
    )
    grid = charts.grid(numbers["order"][:SHOWN], numbers["correlations"], title="correlations") if many > 1 else ""
    side = f"<div><h3>The strongest</h3>{rows}</div>" if rows else ""
    below = (
        f'<h3 style="margin-top:28px">Correlations</h3><div class="two"><div>{grid}</div>{side}</div>' if grid else ""
    )
    lead = "Where a tail is long, its values are in the outermost columns."
    return f'<p class="lead">{lead}</p><div class="three">{cards}</div>{below}'


def _column(name: str, column: Figures) -> str:
    if not column["count"]:
        return f"<div><h3>{escape(name)}</h3><small>no values</small></div>"
    first, last = column["from"], column["to"]
    names = [charts.short(first), charts.short((first + last) / 2), charts.short(last)]
    place = (column["p50"] - first) / (last - first) * len(column["counts"])
    chart = charts.histogram(column["counts"], names, title=f"values of {name}", marks={"median": place})
    facts = [
        ("mean", column["mean"]),
        ("spread", column["spread"]),
        ("lowest", column["low"]),
        ("highest", column["high"]),
    ]
    cuts = "".join(f"<span>{title} <b>{charts.short(value)}</b></span>" for title, value in facts)
    counts = ((column["missing"], "missing"), (column["zeros"], "zeros"), (column["far"], "far out"))
    more = "".join(f"<span>{number(count)} {title}</span>" for count, title in counts if count)
    return f'<div><h3>{escape(name)}</h3>{chart}<p class="cuts">{cuts}{more}</p></div>'


def _foot(figures: Figures) -> str:
    return (
        "Made from the rows of the version alone, with its parent's beside them: the same version gives this "
        f"page to the byte. Format {figures['format']}."
    )
