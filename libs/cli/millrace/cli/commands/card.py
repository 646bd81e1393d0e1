"""millrace card"""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from millrace.cli import Data, Failure, Json, Target, show, table
from millrace.cli.options import named
from millrace.cli.person import counted

commands = typer.Typer()

FORMS = {".html": "card.html", ".md": "card.md", ".json": "card", ".zip": "technical-file.zip"}


@commands.command()
def card(
    version: Annotated[str, typer.Argument(help="Such as parcels-3.")],
    data: Data,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write it there: NAME.html, a page; NAME.md, as the Hugging Face hub has it; NAME.json, its facts;"
            " NAME.zip, the technical file for an auditor.",
            dir_okay=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a version's model card: what it is for, what it can't do, how well it answers, what it was made of."""
    named(out, *FORMS)
    workspace = version.rpartition("-")[0] or version
    path = f"/v1/workspaces/{workspace}/versions/{version}"
    with Target(data).http("registry") as registry:
        if out is None:
            facts = registry.get(f"{path}/card").json()
            show(facts, as_json, lambda: _told(facts))
            return
        content = registry.get(f"{path}/{FORMS[out.suffix]}").content
    try:
        out.write_bytes(content)
    except OSError as error:
        raise Failure(f"{out} can't be written: {error.strerror}", kind="unwritable") from None
    show({"file": str(out), "bytes": len(content)}, as_json, lambda: f"{out}: {counted(len(content), 'byte')}")


def _told(facts: dict[str, Any]) -> RenderableType:
    model, training, report = facts["model"], facts["training"], facts["evaluation"]
    head = Text.assemble((facts["version"], "bold"), f" {facts['stage']}, of {facts['owner']}")
    base = model["base"]
    about = [
        ("for", facts["about"]["purpose"] or "not said: card.purpose in the workspace file"),
        ("licence", facts["about"]["licence"] or "not said: card.licence in the workspace file"),
        ("made by", f"{model['method']} on {base['name'] or 'no base'} ({base['licence'] or 'licence not told'})"),
        ("took", _took(training)),
        ("judged", report.get("missing") or report["verdict"]),
    ]
    scores = [
        (suite, metric, f"{score['value']:.3f}", f"{score['low']:.3f} to {score['high']:.3f}", f"{score['n']:,}")
        for suite, metrics in report.get("scores", {}).get("candidate", {}).items()
        for metric, score in metrics.items()
    ]
    parts: list[RenderableType] = [head, table(("", ""), about)]
    if scores:
        parts.append(table(("suite", "metric", "value", "95 %", "rows"), scores))
    parts += [Text("what it can't do", style="bold"), *(Text(f"- {one}") for one in facts["limits"])]
    return Group(*parts)


def _took(training: dict[str, Any]) -> str:
    told = [f"{training['seconds']:,.0f} s"]
    told += [f"{training['energy_wh']:,.2f} Wh"] if training["energy_wh"] is not None else []
    told += [f"costs of {training['cost']:,.4f}"] if training["cost"] is not None else []
    return ", ".join(told)
