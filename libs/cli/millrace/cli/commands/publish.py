"""millrace publish"""

import hashlib
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from millrace.cli import Data, Failure, Json, Target, console, show, table
from millrace.cli.person import counted
from millrace.cli.rows import Columns, Row, Unreadable, columns_of, each_observation, each_row

if TYPE_CHECKING:
    from millrace.client import Client, Event

commands = typer.Typer()

PUBLISHED = uuid.UUID("3a3f9d52-6a8c-5d0e-9a39-41c1d8a5e2f7")
BATCH = 500
SHOWN = 10

Column = Annotated[str | None, typer.Option(metavar="COLUMN", help="Whose values a row of observations has.")]


@commands.command()
def publish(
    file: Annotated[Path, typer.Argument(help="CSV, JSONL or Parquet.", exists=True, dir_okay=False)],
    data: Data,
    workspace: Annotated[str, typer.Option("--workspace", "-w", help="Where the rows go.")],
    source: Annotated[str, typer.Option("--source", "-s", help="Who speaks; a row's own column source wins.")],
    entity: Column = None,
    time: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="When it was so; UTC where no zone is said.")
    ] = None,
    known_since: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Of history: since when your system has known it.")
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="A value that is a text, though it looks like a number.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Publish a file of documents, or of observations.

    Documents have the columns text, label (or category), suite, document_id, subject. Observations have the columns
    entity, time and perhaps known_since, or those that the options name; every other column is a value.

    The same row of the same file has the same id, and so has an observation under its `id`: published again it counts
    once. Exit code 1 when nothing was taken.
    """
    counts: Counter[str] = Counter()
    refused: list[dict[str, Any]] = []
    with _client(Target(data)) as client:
        columns = _columns(file, entity, time, known_since, text or [])
        rows = each_observation(file, columns) if columns else each_row(file)
        identity = Identity(workspace, source, _digest(file))
        while batch := list(islice(rows, BATCH)):
            for line, outcome, reasons in _send(client, batch, identity):
                counts[outcome] += 1
                if outcome not in ("accepted", "repeated"):
                    refused.append({"line": line, "outcome": outcome, "reasons": reasons})
            if console.is_terminal and not as_json:
                console.print(f"{counted(sum(counts.values()), 'row')} ...", style="dim", end="\r")
    refused.sort(key=lambda each: each["line"])
    show({"counts": dict(counts), "refused": refused}, as_json, lambda: _report(counts, refused))
    if not counts["accepted"] and not counts["repeated"]:
        raise Failure(f"nothing of {file} was taken", kind="nothing_taken")


@dataclass(frozen=True)
class Identity:
    """Whose rows they are, and by what they are known again."""

    workspace: str
    source: str
    file: str

    def event(self, line: int, fields: dict[str, Any]) -> "Event":
        from millrace.client import document, observation

        told = {"source": self.source, **fields}
        own = told.pop("id", None)
        known_by = f"{told['source']}|id|{own}" if own else f"{self.source}|{self.file}|{line}"
        id = str(uuid.uuid5(PUBLISHED, f"{self.workspace}|{known_by}"))
        return (observation if "entity" in told else document)(self.workspace, **told, id=id)


def _columns(file: Path, entity: str | None, time: str | None, since: str | None, texts: list[str]) -> Columns | None:
    """Those of a file of observations; None for one of documents."""
    usual = Columns()
    there = columns_of(file)
    if not (entity or time or since or texts) and ("text" in there or usual.entity not in there):
        return None
    return Columns(entity or usual.entity, time or usual.time, since or usual.known_since, frozenset(texts))


def _digest(file: Path) -> str:
    with file.open("rb") as whole:
        return hashlib.file_digest(whole, "sha256").hexdigest()


def _send(client: "Client", batch: list[Row], identity: Identity) -> Iterator[tuple[int, str, list[Any]]]:
    """Publish rows; yields line, outcome and reasons of each."""
    from millrace.client import MillraceError

    for line, fields in batch:
        if isinstance(fields, Unreadable):
            field, _, expected = str(fields).partition(": ")
            yield line, "unreadable", [{"code": "unreadable", "field": field, "expected": expected}]
    readable = [(line, fields) for line, fields in batch if not isinstance(fields, Unreadable)]
    events = [identity.event(line, fields) for line, fields in readable]
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
