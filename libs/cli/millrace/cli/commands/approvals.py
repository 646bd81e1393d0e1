"""millrace approve, hold, release, note"""

from typing import Annotated

import typer

from millrace.cli import Data, Json, Target, show
from millrace.cli.decisions import Reason, Seen, decide, moved, seen_or_current
from millrace.cli.options import By

commands = typer.Typer()


@commands.command()
def approve(
    workspace: str, version: str, data: Data, seen: Seen = None, by: By = "", reason: Reason = "", as_json: Json = False
) -> None:
    """Say yes to a version that waits for it: its rollout, or a promotion that somebody else asked for."""
    with Target(data).http("registry") as registry:
        revision = seen_or_current(registry, workspace, seen)
        told = decide(registry, workspace, "approve", by, version=version, revision=revision, reason=reason)
    show(told, as_json, lambda: moved(told))


@commands.command()
def hold(
    workspace: str,
    version: str,
    data: Data,
    reason: Annotated[str, typer.Option(help="Why; whoever runs into it reads it.")],
    by: By = "",
    as_json: Json = False,
) -> None:
    """Keep a version at its stage until it is released, whatever evidence says."""
    with Target(data).http("registry") as registry:
        told = decide(registry, workspace, f"versions/{version}/hold", by, reason=reason)
    show(told, as_json, lambda: f"{version} is held; `millrace release {workspace} {version}` lets it move again")


@commands.command()
def release(workspace: str, version: str, data: Data, by: By = "", reason: Reason = "", as_json: Json = False) -> None:
    """Let a version that is held move again, and do what evidence has asked for meanwhile."""
    with Target(data).http("registry") as registry:
        told = decide(registry, workspace, f"versions/{version}/release", by, reason=reason)
    show(told, as_json, lambda: f"{version} is released; {moved(told)}")


@commands.command()
def note(
    workspace: str,
    version: str,
    text: Annotated[str, typer.Argument(help="What is to be remembered of it.")],
    data: Data,
    by: By = "",
    as_json: Json = False,
) -> None:
    """Write something about a version into the ledger."""
    with Target(data).http("registry") as registry:
        told = decide(registry, workspace, f"versions/{version}/notes", by, text=text)
    show(told, as_json, lambda: f"noted; `millrace history {workspace} --version {version}` shows it")
