"""millrace duplicates list, show, reindex"""

from typing import Annotated, Any

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from millrace.cli import Data, Failure, Json, Target, console, show, table
from millrace.cli.person import moment

commands = typer.Typer(name="duplicates", help="Documents that repeat another.", no_args_is_help=True)

Workspace = Annotated[str, typer.Argument(help="The workspace.")]


@commands.command("list")
def each(
    workspace: Workspace,
    data: Data,
    kind: Annotated[str | None, typer.Option(help="Only exact, near or semantic ones.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest first.")] = 30,
    as_json: Json = False,
) -> None:
    """List documents that repeat another, newest first."""
    asked: dict[str, Any] = {"workspace": workspace, "limit": limit} | ({"kind": kind} if kind else {})
    with Target(data).http("dedup") as dedup:
        found = dedup.get("/v1/duplicates", params=asked).json()
    show(found, as_json, lambda: _listed(found) if found else f"{workspace} has no duplicates")


@commands.command("show")
def one(
    document: Annotated[str, typer.Argument(metavar="ID", help="The document that repeats another.")],
    data: Data,
    workspace: Annotated[
        str | None, typer.Option("--workspace", "-w", help="Where several have a document of that id.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a document beside the one that it repeats, what both say marked."""
    from urllib.parse import quote

    with Target(data).http("dedup") as dedup:
        asked = {"workspace": workspace} if workspace else {}
        found = dedup.get(f"/v1/duplicates/{quote(document, safe='')}", params=asked).json()
    show(found, as_json, lambda: _pair(found))


@commands.command()
def reindex(
    workspace: Workspace,
    data: Data,
    wait: Annotated[bool, typer.Option(help="Return when it is done.")] = True,
    as_json: Json = False,
) -> None:
    """Build the index anew from the texts, beside the one in use."""
    from time import sleep

    with Target(data).http("dedup") as dedup:
        told = dedup.post("/v1/reindex", params={"workspace": workspace}).json()
        while wait and told["state"] in ("waiting", "running"):
            sleep(0.5)
            told = dedup.get("/v1/reindex", params={"workspace": workspace}).json()
    if told["state"] == "failed":
        raise Failure(f"the index of {workspace} could not be rebuilt: {told['error']}")
    show(told, as_json, lambda: f"index of {workspace}: {told['state']}, {told['mended']} rows mended so far")


def _listed(found: list[dict[str, Any]]) -> Table:
    rows = [
        (
            moment(each["found_at"]),
            Text(each["document_id"]),
            each["kind"],
            f"{each['similarity']:.3f}",
            Text(each["duplicate_of"]),
            Text(each["source"]),
            "kept" if each["stands"] else "",
        )
        for each in found
    ]
    return table(("found", "document", "kind", "similar", "repeats", "source", ""), rows)


def _pair(found: dict[str, Any]) -> Group:
    told = f"{found['kind']}, similarity {found['similarity']:.3f}" + (", kept" if found["stands"] else "")
    both = Table(box=None, pad_edge=False, expand=console.is_terminal, header_style="dim")
    sides = ("document", "duplicate_of")
    for side in sides:
        both.add_column(_about(found[side]), ratio=1, overflow="fold")
    both.add_row(*(_marked(found[side]["text"], [span[side] for span in found["overlaps"]]) for side in sides))
    return Group(Text(told, style="bold"), both)


def _about(document: dict[str, Any]) -> Text:
    label = f" {document['label']}" if document["label"] else ""
    return Text(f"{document['document_id']} ({document['source']}){label}")


def _marked(text: str, spans: list[list[int]]) -> Text:
    marked = Text(text)
    for start, end in spans:
        marked.stylize("black on green", start, end)
    return marked
