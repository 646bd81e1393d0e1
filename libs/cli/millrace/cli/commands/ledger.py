"""millrace ledger verify"""

from typing import Annotated, Any

import typer

from millrace.cli import Data, Json, Target, show
from millrace.cli.person import counted

commands = typer.Typer(name="ledger", help="What registry has written down.", no_args_is_help=True)

Workspace = Annotated[str | None, typer.Argument(help="All of them where none is named.")]


@commands.command()
def verify(data: Data, workspace: Workspace = None, as_json: Json = False) -> None:
    """Check that no entry was changed, left out or slipped in, and that the tables are what the entries say."""
    with Target(data).http("registry", timeout=300.0) as registry:
        names = [workspace] if workspace else [one["workspace"] for one in registry.get("/v1/workspaces").json()]
        found = [registry.get(f"/v1/workspaces/{name}/ledger/verify").json() for name in names]
    show(found, as_json, lambda: "\n".join(map(_told, found)) or "there is no workspace yet")
    if any(one["broken"] or one["strays"] for one in found):
        raise typer.Exit(1)


def _told(one: dict[str, Any]) -> str:
    whole = counted(one["entries"], "entry", "entries")
    if broken := one["broken"]:
        return f"[bold red]{one['workspace']}[/]: entry {broken['number']} is wrong: {broken['why']}"
    if one["strays"]:
        return f"[bold red]{one['workspace']}[/]: {whole} whole; changed behind its back: {', '.join(one['strays'])}"
    return f"[bold]{one['workspace']}[/]: {whole} whole, head {one['head']}"
