"""millrace duplicates list, show, reindex, rebuild"""

from typing import Annotated, Any

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from millrace.cli import Data, Failure, Json, Target, console, show, table
from millrace.cli.options import By
from millrace.cli.output import errors
from millrace.cli.person import counted, moment, whoami

commands = typer.Typer(name="duplicates", help="Documents that repeat another.", no_args_is_help=True)

Workspace = Annotated[str, typer.Argument(help="The workspace.")]


@commands.command("list")
def each(
    workspace: Workspace,
    data: Data,
    kind: Annotated[str | None, typer.Option(help="Only exact, near or semantic ones.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the last that came first.")] = 30,
    as_json: Json = False,
) -> None:
    """List documents that repeat another, the last that came first; it may have been found later than it came."""
    asked: dict[str, Any] = {"workspace": workspace, "limit": limit} | ({"kind": kind} if kind else {})
    with Target(data).http("dedup") as dedup:
        found = dedup.get("/v1/duplicates", params=asked).json()
    show(found, as_json, lambda: _listed(found) if found else f"{workspace} has no duplicates")


@commands.command("show")
def one(
    document: Annotated[str, typer.Argument(metavar="ID", help="A document that repeats another, or is repeated.")],
    data: Data,
    workspace: Annotated[
        str | None, typer.Option("--workspace", "-w", help="Where several have a document of that id.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a document beside the one that it repeats, what both say marked; of a kept one, what repeats it."""
    from urllib.parse import quote

    id, asked = quote(document, safe=""), {"workspace": workspace} if workspace else {}
    with Target(data).http("dedup") as dedup:
        try:
            found = dedup.get(f"/v1/duplicates/{id}", params=asked).json()
        except Failure as failure:
            if failure.kind != "repeats_no_other":
                raise
            repeated = dedup.get(f"/v1/documents/{id}/duplicates", params=asked).json()
            show(repeated, as_json, lambda: _repeated(repeated))
            return
    show(found, as_json, lambda: _pair(found))


@commands.command()
def reindex(
    workspace: Workspace,
    data: Data,
    wait: Annotated[bool, typer.Option(help="Return when it is done.")] = True,
    by: By = "",
    as_json: Json = False,
) -> None:
    """Build the index anew from the texts, beside the one in use."""
    from time import sleep

    with Target(data).http("dedup") as dedup:
        told = dedup.post("/v1/reindex", params={"workspace": workspace, "by": by or whoami()}).json()
        while wait and told["state"] in ("waiting", "running"):
            sleep(0.5)
            told = dedup.get("/v1/reindex", params={"workspace": workspace}).json()
    if told["state"] == "failed":
        raise Failure(f"the index of {workspace} could not be rebuilt: {told['error']}")
    show(
        told, as_json, lambda: f"index of {workspace}: {told['state']}, {counted(told['mended'], 'row')} mended so far"
    )


@commands.command()
def rebuild(
    workspace: Workspace,
    data: Data,
    wait: Annotated[bool, typer.Option(help="Return when it is done.")] = True,
    by: By = "",
    as_json: Json = False,
) -> None:
    """Build all that is kept of the documents anew from the log, beside what is in use, and put it in its place."""
    from time import sleep

    with Target(data).http("dedup") as dedup, errors.status("", spinner="dots") as status:
        told = dedup.post("/v1/rebuild", params={"workspace": workspace, "by": by or whoami()}).json()
        while wait and told["state"] in ("waiting", "running"):
            status.update(f"{told['phase']}, {told['to_go']:,} to go")
            sleep(0.5)
            told = dedup.get("/v1/rebuild", params={"workspace": workspace}).json()
    if told["state"] == "failed":
        raise Failure(f"{workspace} could not be rebuilt, and is as it was: {told['error']}")
    show(told, as_json, lambda: _rebuilt(told))


def _rebuilt(told: dict[str, Any]) -> str:
    if told["state"] != "done":
        return f"{told['workspace']}: {told['state']}, {told['phase']}, {told['to_go']:,} to go"
    since = f"the log since {moment(told['since'])}" if told["since"] else "an empty log"
    lines = [f"{told['workspace']} is rebuilt from {since}: {counted(told['folded'], 'event')}"]
    if told["carried"]:
        lines.append(
            counted(
                told["carried"], "document that the log no longer has is", "documents that the log no longer has are"
            )
            + " kept as before"
        )
    if told["missing"]:
        lines.append(f"{told['missing']:,} that stood are gone: the log says that they ended or are past the retention")
    lines.append(f"{told['told']:,} were told anew, since they were told otherwise before" if told["told"] else
                 "nothing is otherwise than it was told before")  # fmt: skip
    return "\n".join(lines)


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
    steps = [f"{one['document_id']} repeats {one['duplicate_of']} ({one['kind']}, {one['similarity']:.3f})"
              for one in found["because"]]  # fmt: skip
    both = Table(box=None, pad_edge=False, expand=console.is_terminal, header_style="dim")
    sides = ("document", "duplicate_of")
    for side in sides:
        both.add_column(_about(found[side]), ratio=1, overflow="fold")
    plain = not console.is_terminal
    both.add_row(*(_marked(found[side]["text"], [span[side] for span in found["overlaps"]], plain) for side in sides))
    if len(steps) > 1:
        told += ": " + ", ".join(steps)
    return Group(Text(told, style="bold"), both)


def _repeated(found: dict[str, Any]) -> Group | str:
    name = found["document"]["document_id"]
    if not found["duplicates"]:
        return f"{name} repeats no other, and none repeats it"
    rows = [
        (moment(each["found_at"]), each["document_id"], each["kind"], f"{each['similarity']:.3f}", Text(each["source"]))
        for each in found["duplicates"]
    ]
    head = f"{name} repeats no other; {counted(len(rows), 'document repeats', 'documents repeat')} it"
    return Group(Text(head, style="bold"), table(("found", "document", "kind", "similar", "source"), rows))


def _about(document: dict[str, Any]) -> Text:
    label = f" {document['label']}" if document["label"] else ""
    return Text(f"{document['document_id']} ({document['source']}){label}")


def _marked(text: str, spans: list[list[int]], plain: bool) -> Text:
    """What both say, in colour; between brackets where there are no colours."""
    if plain:
        for start, end in sorted(spans, reverse=True):
            text = f"{text[:start]}[{text[start:end]}]{text[end:]}"
        return Text(text)
    marked = Text(text)
    for start, end in spans:
        marked.stylize("black on green", start, end)
    return marked
