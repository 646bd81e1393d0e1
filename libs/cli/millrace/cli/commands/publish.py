"""millrace publish"""

import hashlib
import uuid
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from millrace.cli import Data, Failure, Json, Target, console, show, table
from millrace.cli.person import counted
from millrace.cli.rows import Row, Unreadable, each_row

if TYPE_CHECKING:
    from millrace.client import Client

commands = typer.Typer()

PUBLISHED = uuid.UUID("3a3f9d52-6a8c-5d0e-9a39-41c1d8a5e2f7")
BATCH = 500
SHOWN = 10


@commands.command()
def publish(
    file: Annotated[Path, typer.Argument(help="CSV with a column text, or JSONL.", exists=True, dir_okay=False)],
    data: Data,
    workspace: Annotated[str, typer.Option("--workspace", "-w", help="Where the documents go.")],
    source: Annotated[str, typer.Option("--source", "-s", help="Who speaks; a row's own column source wins.")],
    as_json: Json = False,
) -> None:
    """Publish a file of documents: columns text, label (or category), suite, document_id, subject.

    The same row of the same file has the same id: publishing it again counts once. Exit code 1 when nothing was taken.
    """
    counts: Counter[str] = Counter()
    refused: list[dict[str, Any]] = []
    with _client(Target(data)) as client:
        rows = each_row(file)
        identity = f"{workspace}|{source}|{hashlib.sha256(file.read_bytes()).hexdigest()}"
        while batch := list(islice(rows, BATCH)):
            for line, outcome, reasons in _send(client, batch, identity, workspace, source):
                counts[outcome] += 1
                if outcome not in ("accepted", "repeated"):
                    refused.append({"line": line, "outcome": outcome, "reasons": reasons})
            if console.is_terminal and not as_json:
                console.print(f"{counted(sum(counts.values()), 'row')} ...", style="dim", end="\r")
    refused.sort(key=lambda each: each["line"])
    show({"counts": dict(counts), "refused": refused}, as_json, lambda: _report(counts, refused))
    if not counts["accepted"] and not counts["repeated"]:
        raise Failure(f"nothing of {file} was taken", kind="nothing_taken")


def _send(
    client: "Client", batch: list[Row], identity: str, workspace: str, source: str
) -> Iterator[tuple[int, str, list[Any]]]:
    """Publish rows; yields line, outcome and reasons of each."""
    from millrace.client import MillraceError, document

    for line, fields in batch:
        if isinstance(fields, Unreadable):
            field, _, expected = str(fields).partition(": ")
            yield line, "unreadable", [{"code": "unreadable", "field": field, "expected": expected}]
    readable = [(line, fields) for line, fields in batch if not isinstance(fields, Unreadable)]
    events = [
        document(workspace, **{"source": source, **fields}, id=str(uuid.uuid5(PUBLISHED, f"{identity}|{line}")))
        for line, fields in readable
    ]
    try:
        receipts = client.publish(*events)
    except MillraceError as error:
        raise Failure(str(error), kind=type(error).__name__) from error
    for (line, _), receipt in zip(readable, receipts, strict=True):
        yield line, receipt.outcome, [dict(reason) for reason in receipt.reasons]


def _client(target: Target) -> "Client":
    try:
        from millrace.client import Client, Services
    except ImportError as error:
        raise Failure("publishing needs millrace-client", hint="pip install millrace-client") from error
    return Client(Services.at(target.url("ingestion")))  # nothing else is asked


def _report(counts: Counter[str], refused: list[dict[str, Any]]) -> Any:
    from rich.console import Group
    from rich.text import Text

    told = Text(", ".join(f"{number} {outcome}" for outcome, number in counts.most_common()) or "no rows")
    if not refused:
        return told
    rows = [(str(each["line"]), each["outcome"], _reasons(each["reasons"])) for each in refused[:SHOWN]]
    more = Text(f"and {len(refused) - SHOWN} more: --json has all", style="dim") if len(refused) > SHOWN else Text("")
    return Group(told, table(("line", "outcome", "because"), rows), more)


def _reasons(reasons: list[dict[str, str]]) -> str:
    return "; ".join(f"{reason['field']}: {reason['expected']} ({reason['code']})" for reason in reasons)
