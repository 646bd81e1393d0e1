"""millrace datasets list, show, diff, export, profile, pin, unpin, rollback"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Group
from rich.text import Text

from millrace.cli import Data, Failure, Json, Target, show, table
from millrace.cli.options import By, named
from millrace.cli.person import counted, moment, whoami

if TYPE_CHECKING:
    import httpx

commands = typer.Typer(name="datasets", help="Versions of data: what is in them, what changed.", no_args_is_help=True)

PATIENCE = 900.0
"""Seconds that a comparison or a file of an export may take: a version can have millions of rows."""

Version = Annotated[str, typer.Argument(help="As `list` shows it, e.g. parcels@3, or its digest.", show_default=False)]
Reason = Annotated[str, typer.Option(help="Why; stays with the version.", show_default=False)]
Form = Literal["parquet", "jsonl", "huggingface"]


@commands.command("list")
def each(
    workspace: str,
    data: Data,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest first.")] = 20,
    as_json: Json = False,
) -> None:
    """List versions, newest first, with what was done to them."""
    with Target(data).http("datasets") as http:
        found = http.get("/v1/datasets", params={"workspace": workspace, "limit": limit}).json()
    show(found, as_json, lambda: _listed(found) if found["datasets"] else f"{workspace} has no version yet")


@commands.command("show")
def one(version: Version, data: Data, as_json: Json = False) -> None:
    """Show a version: digest, parent, rows, labels, offsets, what was left out."""
    with Target(data).http("datasets") as http:
        found = http.get(f"/v1/datasets/{version}").json()
    show(found, as_json, lambda: _shown(found))


@commands.command()
def diff(before: Version, after: Version, data: Data, as_json: Json = False) -> None:
    """Say what changed from a version to another: rows, labels, lengths, words."""
    with Target(data).http("datasets", timeout=PATIENCE) as http:
        found = http.get(f"/v1/datasets/{before}/diff/{after}").json()
    show(found, as_json, lambda: _compared(found))


@commands.command()
def export(
    version: Version,
    data: Data,
    to: Annotated[Path, typer.Option(help="A folder that is not there yet, or empty.", file_okay=False)],
    form: Annotated[Form, typer.Option("--format", help="huggingface: a folder for load_dataset.")] = "parquet",
    as_json: Json = False,
) -> None:
    """Write a version's rows to files, one a split; their digest is checked on the way."""
    if to.exists() and any(to.iterdir()):
        raise Failure(f"{to} is not empty", hint="an export overwrites nothing", kind="exists")
    written: list[dict[str, Any]] = []
    with Target(data).http("datasets", timeout=PATIENCE) as http:
        asked: dict[str, str] = {"format": form}
        listed = http.get(f"/v1/datasets/{version}/export", params=asked).json()
        for name in listed["files"]:
            size = _fetched(http, f"/v1/datasets/{listed['version']['dataset']}/files/{name}", asked, to / name)
            written.append({"file": str(to / name), "bytes": size})
    show(
        {"version": listed["version"]["name"], "files": written},
        as_json,
        lambda: table(("file", "bytes"), [(each["file"], f"{each['bytes']:,}") for each in written]),
    )


def _fetched(http: "httpx.Client", url: str, asked: dict[str, str], path: Path) -> int:
    """Stream one file, whole or not at all; its bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    try:
        with http.stream("GET", url, params=asked) as response, part.open("xb") as file:
            for chunk in response.iter_bytes():
                file.write(chunk)
        part.rename(path)
    except FileExistsError as error:
        raise Failure(f"{part} is there already", hint="another export writes to this folder", kind="exists") from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return path.stat().st_size


@commands.command()
def profile(
    version: Version,
    data: Data,
    out: Annotated[
        Path | None, typer.Option(help="Write the page there; its figures when the name ends in .json.", dir_okay=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Look at a version's data: one page that can be mailed, and its figures."""
    named(out, ".html", ".json")
    with Target(data).http("datasets") as http:
        form = "html" if out is not None and out.suffix != ".json" else "json"
        answer = http.get(f"/v1/datasets/{version}/profile.{form}")
    if out is not None:
        out.write_bytes(answer.content)
        show(
            {"file": str(out), "bytes": len(answer.content)},
            as_json,
            lambda: f"{out}: {counted(len(answer.content), 'byte')}",
        )
        return
    found = answer.json()
    show(found, as_json, lambda: profiled(found))


@commands.command()
def pin(version: Version, data: Data, reason: Reason, by: By = "", as_json: Json = False) -> None:
    """Keep a version's rows, whatever housekeeping is told to keep."""
    _move(data, version, "pin", {"pinned": True, "by": by or whoami(), "reason": reason}, as_json)


@commands.command()
def unpin(version: Version, data: Data, reason: Reason, by: By = "", as_json: Json = False) -> None:
    """Let housekeeping decide again."""
    _move(data, version, "pin", {"pinned": False, "by": by or whoami(), "reason": reason}, as_json)


@commands.command("rollback")
def roll_back(version: Version, data: Data, reason: Reason, by: By = "", as_json: Json = False) -> None:
    """Make an earlier version current: the next cut has it as parent and leaves out the rows that came since."""
    _move(data, version, "rollback", {"by": by or whoami(), "reason": reason}, as_json)


def _move(data: Path, version: str, move: str, body: dict[str, Any], as_json: bool) -> None:
    with Target(data).http("datasets") as http:
        found = http.post(f"/v1/datasets/{version}/{move}", json=body).json()
    show(found, as_json, lambda: f"[bold]{found['name']}[/] {', '.join(_state(found)) or 'is as any other'}")


def _state(version: dict[str, Any]) -> list[str]:
    words = {"current": "is current", "pinned": "is pinned"}
    told = [text for key, text in words.items() if version[key]]
    if version["redacted"]:
        told.append(f"has lost {counted(version['redacted'], 'row')} to erasure")
    return [*told, "rows gone"] if version["emptied_at"] else told


def _listed(found: dict[str, Any]) -> Group:
    rows = [
        (
            Text(each["name"], style="bold" if each["current"] else ""),
            each["dataset"][7:19],
            moment(each["created_at"]),
            each["because"] or "",
            f"{sum(each['rows'].values()):,}",
            Text(", ".join(_state(each)), overflow="fold"),
        )
        for each in found["datasets"]
    ]
    moves = [
        (moment(each["at"]), each["move"], str(each["version"]), each["by"], Text(each["reason"], overflow="fold"))
        for each in found["moves"]
    ]
    tables = [table(("version", "digest", "cut", "because", "rows", ""), rows)]
    return Group(*tables, *([table(("at", "what", "version", "by", "why"), moves, title="\nmoves")] if moves else []))


def _shown(found: dict[str, Any]) -> Group:
    lineage = found["lineage"]
    facts = {
        "digest": found["dataset"],
        "parent": found["parent"] or "none",
        "manifest": found["manifest"],
        "cut": f"{found['created_at']} because of {lineage['because']}",
        "sources": _counts(found["sources"]),
        "left out": _counts(lineage.get("left_out") or {}),
        "offsets": "  ".join(
            f"{topic} {number}: {first}-{last}"
            for topic, places in found["offsets"].items()
            for number, (first, last) in sorted(places.items())
        ),
        "state": ", ".join(_state(found)),
    }
    told = [Text(f"{name:9} {text}", overflow="fold") for name, text in facts.items() if text]
    splits = found["left"]
    rows = [(label, *(f"{splits[name].get(label, 0):,}" for name in splits)) for label in found["labels"]]
    total = [("in all", *(f"{sum(splits[name].values()):,}" for name in splits))]
    return Group(Text(found["name"], style="bold"), *told, Text(), table(("label", *splits), rows + total))


def _compared(found: dict[str, Any]) -> Group:
    rows, labels, lengths, words = found["rows"], found["labels"], found["lengths"], found["vocabulary"]
    names = {side: f"{found[side]['name']} ({counted(rows[side], 'row')})" for side in ("before", "after")}
    heading = f"{names['before']} to {names['after']}"
    kinds = ("added", "removed", "relabelled", "reworded", "moved")
    counts = "  ".join(f"{found[kind]:,} {kind}" for kind in kinds)
    moved = sorted(labels["shares"].items(), key=lambda item: -abs(item[1]["after"] - item[1]["before"]))[:10]
    shares = [
        (label, f"{each['before']:.1%}", f"{each['after']:.1%}", _moved(each["after"] - each["before"]))
        for label, each in moved
    ]
    flows = [f"{each['rows']:,} {each['from']} to {each['to']}" for each in found["relabelled_from_to"][:5]]
    told = [
        f"labels      {_figure(labels['value'])}  {labels['statistic']}",
        f"characters  {_figure(lengths['characters']['value'])}  {lengths['statistic']}",
        f"words       {_figure(lengths['words']['value'])}",
        f"vocabulary  {_figure(words['value'])}  {words['statistic']}",
        *([f"relabelled  {'; '.join(flows)}"] if flows else []),
        *(
            f"{title:11} {' '.join(each['word'] for each in words[key])}"
            for title, key in (("new words", "new"), ("gone", "gone"))
            if words[key]
        ),
    ]
    lines = [Text(text, overflow="fold") for text in (counts, *told)]
    return Group(Text(heading, style="bold"), *lines, Text(), table(("label", "before", "after", "by"), shares))


def profiled(found: dict[str, Any]) -> Group:
    """What stands out."""
    notes = [Text(f"- {note['text']}", overflow="fold") for note in found["notes"]]
    heading = Text(f"{found['version']['name']}: {counted(found['rows'], 'row')}", style="bold")
    return Group(heading, *notes, Text("--out profile.html writes the page", style="dim"))


def _moved(share: float) -> str:
    """A share's change; one that rounds to nothing has no sign."""
    return f"{share:+.1%}" if abs(share) >= 0.0005 else "0.0%"


def _figure(value: float | None) -> str:
    return "  -  " if value is None else f"{value:.3f}"


def _counts(counted: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counted.items())
