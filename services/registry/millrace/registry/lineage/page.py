"""Lineage as a picture that stands alone."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from millrace.pages import charts, page, table
from millrace.pages.charts import Node

SOURCE, DATA, BASE, RUN, VERSION = 1, 0, 5, 2, 3
"""Hues of the kinds of boxes."""

MOST = 12
"""Boxes of one column; the others are counted."""

Json = Mapping[str, Any]


def backward(found: Json, entries: Sequence[Json]) -> str:
    """Where a version comes from, and what was decided on it."""
    return page(
        kicker="Millrace lineage",
        title=found["version"],
        under=f"{found['stage']} in <code>{escape(found['workspace'])}</code>, after {found['parent'] or 'none'}",
        sections=[
            ("picture", "Where it comes from", picture(found)),
            ("data", "Data", data_of(found["dataset"])),
            ("run", "Run", _run(found["run"])),
            ("decided", "What was decided", decided(entries)),
        ],
    )


def picture(found: Json) -> str:
    """The graph of where a version comes from."""
    data, run = found["dataset"], found["run"]
    sources = _sources(data)
    parent = (
        Node("parent", found["starts_from"], ("its weights were the start",), VERSION) if found["starts_from"] else None
    )
    base = _base(run)
    columns = [
        sources,
        [Node("data", f"dataset {_short(data['digest'])}", _of_data(data), DATA), *filter(None, (base, parent))],
        [Node("run", f"run {run['id'][:13]}", (run["method"], f"seed {run['seed']}, {run['seconds']:,.0f} s"), RUN)],
        [Node("version", found["version"], (found["stage"], f"files {_short(found['artifact']['digest'])}"), VERSION)],
        _capped(
            [
                Node(one["version"], one["version"], (one["stage"], "went on from it"), VERSION)
                for one in found["went_on"]
            ]
        ),
    ]
    edges = [(source.id, "data") for source in sources]
    edges += [("data", "run"), ("base", "run"), ("parent", "run"), ("run", "version")]
    edges += [("version", node.id) for node in columns[-1]]
    return charts.graph(columns, edges, title=f"lineage of {found['version']}")


def _base(run: Json) -> Node | None:
    """What it was made of besides data."""
    if brought := run["imported"]:
        return Node("base", brought["source"], (f"imported, {brought['form']}", _short(brought["folder"])), BASE)
    return Node("base", run["base"], ("base",), BASE) if run["base"] else None


def forward(found: Json) -> str:
    """Which versions came of it."""
    whole = {one["version"]: one for one in found["versions"]}
    asked, edges = _asked(found)
    levels: dict[str, int] = {}
    for name, one in whole.items():
        levels[name] = 0 if one["direct"] else levels.get(one["parent"], 0) + 1
    data = (
        [Node(digest, f"dataset {_short(digest)}", (), DATA) for digest in found["datasets"]]
        if found["document"]
        else []
    )
    depth = max(levels.values(), default=-1)
    columns = [asked, _capped(data), *(_capped(_level(whole, levels, at)) for at in range(depth + 1))]
    for name, one in whole.items():
        edges += [(_root(found, one), name)] if one["direct"] else [(one["parent"], name)]
    rows = [
        [escape(str(one[key])) for key in ("version", "stage", "how", "method", "base", "run_id")]
        for one in whole.values()
    ]
    beside = "".join(f"<li>{escape(name)}</li>" for name in found["beside"])
    return page(
        kicker="Millrace lineage",
        title=asked[0].title,
        under=f"in <code>{escape(found['workspace'])}</code>: versions that came of it: {len(whole)}",
        sections=[
            ("picture", "What came of it", charts.graph(columns, edges, title="what came of it")),
            ("versions", "Versions", table(("version", "stage", "how", "method", "base", "run"), rows) if rows else ""),
            ("beside", "Picked over it", f'<ul class="chips">{beside}</ul>' if beside else ""),
        ],
    )


def _asked(found: Json) -> tuple[list[Node], list[tuple[str, str]]]:
    if found["document"]:
        edges = [("asked", digest) for digest in found["datasets"]]
        return [Node("asked", found["document"], ("document",), SOURCE)], edges
    if found["run"]:
        return [Node("asked", f"run {found['run'][:13]}", (), RUN)], []
    if found["base"]:
        return [Node("asked", found["base"], ("base",), BASE)], []
    return [Node(digest, f"dataset {_short(digest)}", (), DATA) for digest in found["datasets"]], []


def _root(found: Json, one: Json) -> str:
    return str(one["dataset"]) if one["dataset"] in found["datasets"] else "asked"


def _level(whole: Mapping[str, Json], levels: Mapping[str, int], at: int) -> list[Node]:
    return [
        Node(name, name, (one["stage"], one["method"]), VERSION) for name, one in whole.items() if levels[name] == at
    ]


def _sources(data: Json) -> list[Node]:
    counted = sorted((data.get("sources") or {}).items(), key=lambda one: -one[1])
    return _capped([Node(f"source {name}", name, (f"{count:,} documents",), SOURCE) for name, count in counted])


def _capped(nodes: list[Node]) -> list[Node]:
    if len(nodes) <= MOST:
        return nodes
    return [*nodes[: MOST - 1], Node("more", f"{len(nodes) - MOST + 1} more", (), BASE)]


def _of_data(data: Json) -> tuple[str, ...]:
    if data.get("missing"):
        return ("its manifest is gone",)
    splits = tuple(f"{count:,} {split}" for split, count in data["rows"].items())
    gone = (f"{data['redacted']['rows']:,} rows erased since",) if data.get("redacted") else ()
    return (*splits, *gone)


def data_of(data: Json) -> str:
    """A dataset's tables: what it is, and which stretches of the log it was cut from."""
    if data.get("missing"):
        return f'<p class="lead">{escape(data["missing"])}</p>'
    lineage = data.get("lineage") or {}
    rows = [
        ("digest", f"<code>{escape(data['digest'])}</code>"),
        ("documents", f"{data.get('documents') or 0:,}"),
        ("labels", escape(", ".join(data.get("labels") or []))),
        ("cut", escape(f"{lineage.get('created_at', '')} because of {lineage.get('because', '?')}")),
        ("erased since", f"{data['redacted']['rows']:,} rows" if data.get("redacted") else "none"),
    ]
    spans = [
        (escape(topic), str(number), f"{first:,}", f"{last:,}")
        for topic, partitions in (data.get("offsets") or {}).items()
        for number, (first, last) in sorted(partitions.items())
    ]
    where = table(("came by", "partition", "from", "to"), spans, numbers=[1, 2, 3]) if spans else ""
    return table(("", ""), rows) + where


def _run(run: Json) -> str:
    told = {
        "id": run["id"],
        "method": run["method"],
        "base": run["base"] or "none",
        "seed": run["seed"],
        "seconds": f"{run['seconds']:,.1f}",
        "declaration": f"revision {run['workspace_revision']}",
        **{f"imported {name}": value or "not told" for name, value in (run["imported"] or {}).items()},
        **{f"validation {name}": f"{value:.3f}" for name, value in sorted(run["scores"].items())},
        **run["environment"],
    }
    return table(("", ""), [(escape(name), escape(str(value))) for name, value in told.items()])


def decided(entries: Sequence[Json]) -> str:
    """Entries of the ledger, given the newest first, in their order."""
    rows = [
        [escape(str(one[key] or "")) for key in ("at", "kind", "stage", "by", "reason")] for one in reversed(entries)
    ]
    return table(("at", "what", "stage", "by", "why"), rows) if rows else ""


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]
