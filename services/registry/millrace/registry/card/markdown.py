"""The card as Markdown, in the form of the Hugging Face hub: metadata in YAML ahead, `model-index` among it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from millrace.pages.words import counted

HUB = {"macro_f1": "f1", "accuracy": "accuracy"}
"""What the hub calls a metric, where it is called otherwise or has a name for it."""

LICENCES = frozenset(
    {
        *("apache-2.0", "mit", "openrail", "bsd", "bsd-2-clause", "bsd-3-clause", "afl-3.0", "artistic-2.0", "bsl-1.0"),
        *("cc", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0"),
        *("cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0"),
        *("cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "ecl-2.0", "epl-1.0", "epl-2.0", "eupl-1.1"),
        *("eupl-1.2", "agpl-3.0", "gpl", "gpl-2.0", "gpl-3.0", "lgpl", "lgpl-2.1", "lgpl-3.0", "isc", "lppl-1.3c"),
        *(
            "ms-pl",
            "mpl-2.0",
            "odc-by",
            "odbl",
            "osl-3.0",
            "postgresql",
            "ofl-1.1",
            "ncsa",
            "unlicense",
            "zlib",
            "pddl",
        ),
    }
)
"""Those that the hub knows by a name (huggingface.co/docs/hub/repositories-licenses); others are `other` and named."""

Facts = Mapping[str, Any]


def render(facts: Facts) -> str:
    ahead = yaml.safe_dump(metadata(facts), sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{ahead}---\n\n" + "\n\n".join(_blocks(facts)) + "\n"


def metadata(facts: Facts) -> dict[str, Any]:
    """What the hub reads of a card."""
    told: dict[str, Any] = {**_licence(facts), "library_name": "millrace"}
    if facts["languages"]:
        told["language"] = facts["languages"]
    if facts["pipeline_tag"]:
        told["pipeline_tag"] = facts["pipeline_tag"]
    tags = ("millrace", facts["workspace"], facts["model"]["method"], facts["model"]["base"]["name"])
    told["tags"] = [tag for tag in tags if tag]
    results = list(_results(facts))
    if results:
        told["metrics"] = sorted({metric["type"] for result in results for metric in result["metrics"]})
        told["model-index"] = [{"name": facts["version"], "results": results}]
    return told


def _licence(facts: Facts) -> dict[str, str]:
    name = facts["about"]["licence"]
    if not name:
        return {}
    return {"license": name.lower()} if name.lower() in LICENCES else {"license": "other", "license_name": name}


def _results(facts: Facts) -> Iterator[dict[str, Any]]:
    report = facts["evaluation"]
    for suite, metrics in report.get("scores", {}).get("candidate", {}).items():
        yield {
            "task": {"type": facts["pipeline_tag"] or facts["task"]},
            "dataset": {
                "name": f"{facts['workspace']} {suite}",
                "type": f"{facts['workspace']}-{suite}",
                "revision": report["suites"][suite]["digest"],
            },
            "metrics": [
                {"type": HUB.get(metric, metric), "name": _spaced(metric), "value": round(score["value"], 4)}
                for metric, score in metrics.items()
            ],
        }


def _blocks(facts: Facts) -> Iterator[str]:
    about, training = facts["about"], facts["training"]
    yield f"# {facts['version']}"
    yield (about["purpose"] or "").replace(
        "<", "&lt;"
    ) or f"What it is for is not said (`card.purpose` of `{facts['workspace']}`)."
    yield _table(("", ""), _head(facts))
    yield "## What it can not do"
    yield "\n".join(f"- {one}" for one in facts["limits"])
    yield "## How well it answers"
    yield from _evaluation(facts["evaluation"])
    yield "## Data"
    yield _table(("", ""), _data(facts["data"]))
    yield "## Training"
    yield _table(("", ""), [(name, _cell(value)) for name, value in trained(training).items()])
    yield "## What was decided"
    shown = [
        [_cell(one[key]) for key in ("at", "kind", "stage", "by", "reason")] for one in reversed(facts["decisions"])
    ]
    yield _table(("at", "what", "stage", "by", "why"), shown)


def head(facts: Facts) -> dict[str, Any]:
    """What a version is, by name."""
    model, about = facts["model"], facts["about"]
    base, signed = model["base"], facts["deployment"]["signature"]
    return {
        "stage": f"{facts['stage']} in {facts['workspace']}",
        "owner": facts["owner"],
        "made": facts["created_at"],
        "licence": about["licence"] or "not said",
        "base": f"{base['name']}, {base['licence'] or 'licence not told'}" if base["name"] else "none",
        "method": model["method"],
        "answers": ", ".join(facts["labels"]) or facts["task"],
        "files": f"{counted(sum(one['bytes'] for one in model['files']), 'byte')}, {model['digest']}",
        "signature": f"ed25519, key {signed['key']}" if signed else "none",
    }


def trained(training: Facts) -> dict[str, Any]:
    """What training took, by name; what nobody declared is said to be unknown."""
    energy, cost = training["energy_wh"], training["cost"]
    return {
        "run": training["run"],
        "seconds": f"{training['seconds']:,.1f}",
        "energy": f"{energy:,.2f} Wh, from the declared draw of a run" if energy is not None else "not told",
        "cost": f"{cost:,.4f}, from the declared price of an hour" if cost is not None else "not told",
        "seed": training["seed"],
        **{f"validation {_spaced(name)}": f"{value:.4g}" for name, value in sorted(training["validation"].items())},
        **training["parameters"],
        **training["environment"],
    }


def _head(facts: Facts) -> list[tuple[str, str]]:
    return [(name, _cell(value)) for name, value in head(facts).items()]


def _evaluation(report: Facts) -> Iterator[str]:
    if report.get("missing"):
        yield f"Not known here: {report['missing']}."
        return
    against = f" against `{report['against']}`" if report["against"] else ", with nothing in production"
    yield f"At the gate: **{report['verdict']}**{against}. {report['method']['figures']}."
    before = report["scores"].get("production", {})
    rows = [
        (
            suite,
            _spaced(metric),
            f"{score['value']:.3f}",
            f"{score['low']:.3f} to {score['high']:.3f}",
            f"{before[suite][metric]['value']:.3f}" if metric in before.get(suite, {}) else "",
            f"{score['n']:,}",
        )
        for suite, metrics in report["scores"]["candidate"].items()
        for metric, score in metrics.items()
    ]
    yield _table(("suite", "metric", "value", "95 %", "production", "rows"), rows)
    conditions = [(one["verdict"], f"`{one['condition']}`", one["note"]) for one in report["conditions"]]
    yield _table(("", "condition", ""), conditions)
    for name, suite in report["suites"].items():
        yield from _parts(name, suite)


def _parts(name: str, suite: Facts) -> Iterator[str]:
    rows = [
        (one["kind"], str(one["name"]), f"{one['accuracy']:.3f}", _between(one["interval"]), f"{one['rows']:,}")
        for one in suite["slices"]
    ]
    rows += [
        ("class", label, f"{one['recall']:.3f}", _between(one), f"{one['n']:,}")
        for label, one in sorted(suite["classes"].items(), key=lambda item: item[1]["recall"])
    ]
    if rows:
        yield f"### Parts of {name}"
        yield _table(("", "part", "right", "95 %", "rows"), rows)


def _between(one: Facts) -> str:
    return f"{one['low']:.3f} to {one['high']:.3f}"


def _data(data: Facts) -> list[tuple[str, str]]:
    if data.get("missing"):
        return [("missing", _cell(data["missing"]))]
    return [
        ("digest", data["digest"]),
        ("rows", ", ".join(f"{count:,} {split}" for split, count in data["rows"].items())),
        ("sources", ", ".join(f"{name} ({count:,})" for name, count in (data.get("sources") or {}).items())),
        ("erased since", f"{data['redacted']['rows']:,} rows" if data.get("redacted") else "none"),
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [_line(head), _line(["---"] * len(head)), *(_line([_cell(cell) for cell in row]) for row in rows)]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: Any) -> str:
    """One line that ends no cell and opens no tag."""
    told = "" if value is None else str(value)
    return " ".join(told.replace("\\|", "|").split()).replace("|", "\\|").replace("<", "&lt;")


def _spaced(metric: str) -> str:
    return metric.replace("_", " ").replace("f1", "F1")
