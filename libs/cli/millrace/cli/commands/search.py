"""millrace search, corpora, snapshots"""

from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from millrace.cli import Data, Json, Target, show, table
from millrace.cli.options import By, values
from millrace.cli.output import short
from millrace.cli.person import counted, moment, whoami

commands = typer.Typer()
pins = typer.Typer(name="snapshots", help="Names for what stands in a corpus, which keep it.", no_args_is_help=True)
commands.add_typer(pins)

Corpus = Annotated[str, typer.Option("--corpus", "-c", help="Which of the workspace's corpora.")]
SHOWN = 300


@commands.command()
def search(
    workspace: str,
    query: str,
    data: Data,
    corpus: Corpus,
    top_k: Annotated[int, typer.Option("--top", "-k", min=1, max=100, help="How many passages.")] = 10,
    mode: Annotated[str, typer.Option(help="hybrid, vector or text.")] = "hybrid",
    source: Annotated[list[str] | None, typer.Option(help="Only of this source; may be repeated.")] = None,
    language: Annotated[str | None, typer.Option(help="Only in this language, such as en.")] = None,
    metadata: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Only with this.")] = None,
    snapshot: Annotated[str | None, typer.Option(help="As it stood at this snapshot.")] = None,
    as_json: Json = False,
) -> None:
    """Find passages of a corpus by meaning and by words."""
    told = {"source": source, "language": language, "metadata": values(metadata or [], "--metadata")}
    asked: dict[str, Any] = {
        "corpus": corpus,
        "query": query,
        "top_k": top_k,
        "mode": mode,
        "filter": {name: value for name, value in told.items() if value},
        "snapshot": snapshot,
    }
    with Target(data).http("serving") as serving:
        found = serving.post(f"/v1/workspaces/{workspace}/search", json=asked).json()
    show(found, as_json, lambda: _found(found["results"]) if found["results"] else "nothing is found")


def _found(results: list[dict[str, Any]]) -> Table:
    rows = [
        (f"{one['score']:.4f}", one["document_id"], _where(one), Text(short(one["text"], SHOWN), overflow="fold"))
        for one in results
    ]
    return table(("score", "document", "where", "passage"), rows)


def _where(one: dict[str, Any]) -> Text:
    """What a person opens: the title and the address or file, as far as its source tells them."""
    about = one.get("metadata") or {}
    told = [about.get("title"), about.get("url") or about.get("file")]
    lines = [one["source"], *(line for line in told if line)]
    return Text("\n".join(lines), overflow="fold")


@commands.command()
def corpora(workspace: str, data: Data, as_json: Json = False) -> None:
    """List the corpora of a workspace, how much can be found in each, and how much waits to be."""
    with Target(data).http("serving") as serving:
        found = serving.get(f"/v1/workspaces/{workspace}/corpora").json()
    rows = [(one["corpus"], *(f"{one[name]:,}" for name in ("documents", "chunks", "waiting"))) for one in found]
    show(
        found,
        as_json,
        lambda: (
            table(("corpus", "documents", "chunks", "waiting"), rows) if found else f"{workspace} declares no corpus"
        ),
    )


@pins.command("list")
def each(workspace: str, data: Data, corpus: Corpus, as_json: Json = False) -> None:
    """List the snapshots of a corpus."""
    with Target(data).http("serving") as serving:
        found = serving.get(_snapshots(workspace, corpus)).json()
    rows = [
        (one["name"], moment(one["at"]), f"{one['documents']:,}", f"{one['chunks']:,}", f"{one['erased']:,}")
        for one in found
    ]
    names = ("snapshot", "at", "documents", "chunks", "erased since")
    show(found, as_json, lambda: table(names, rows) if found else f"{corpus} has no snapshot")


@pins.command()
def take(workspace: str, name: str, data: Data, corpus: Corpus, by: By = "", as_json: Json = False) -> None:
    """Keep what stands in a corpus now under a name."""
    with Target(data).http("serving") as serving:
        made = serving.post(_snapshots(workspace, corpus), json={"name": name, "by": by or whoami()}).json()
    show(
        made,
        as_json,
        lambda: f"{made['name']}: {counted(made['documents'], 'document')}, {counted(made['chunks'], 'chunk')}",
    )


@pins.command()
def forget(workspace: str, name: str, data: Data, corpus: Corpus, by: By = "", as_json: Json = False) -> None:
    """Let go of a snapshot, and of what it alone kept."""
    with Target(data).http("serving") as serving:
        gone = serving.delete(f"{_snapshots(workspace, corpus)}/{name}", params={"by": by or whoami()}).json()
    show(gone, as_json, lambda: f"{gone['forgotten']} is forgotten, and {counted(gone['swept'], 'document')} with it")


def _snapshots(workspace: str, corpus: str) -> str:
    return f"/v1/workspaces/{workspace}/corpora/{corpus}/snapshots"
