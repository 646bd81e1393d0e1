"""millrace doctor"""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from millrace.cli import Data, Json, Target, console, printed

if TYPE_CHECKING:
    from millrace.cli.doctor.probe import Hop

commands = typer.Typer()


@commands.command()
def doctor(
    data: Data,
    workspace: Annotated[
        str, typer.Option("--workspace", help="Also send a prediction and a rating through this one: real traffic.")
    ] = "",
    patience: Annotated[float, typer.Option("--patience", min=1, help="Seconds that a hop may take.")] = 20.0,
    as_json: Json = False,
) -> None:
    """Send a probe event through every hop and name the first that fails. Exit code 1 when one does."""
    import asyncio

    steps = asyncio.run(_examine(Target(data), workspace, patience, quiet=as_json))
    well = all(step["ok"] for step in steps)
    if as_json:
        printed({"ok": well, "failed": next((step["hop"] for step in steps if not step["ok"]), None), "hops": steps})
    elif well:
        console.print(f"[green]well:[/] {len(steps)} hops in {sum(step['took_s'] for step in steps):.1f} s")
    raise typer.Exit(0 if well else 1)


async def _examine(target: Target, workspace: str, patience: float, *, quiet: bool) -> list[dict[str, Any]]:
    import httpx

    from millrace.cli.doctor.probe import Probe, flow
    from millrace.stack.services import find_root

    urls = {name: target.url(name) for name in target.services}
    readers = flow(find_root())
    async with httpx.AsyncClient(timeout=patience) as http:
        probe = Probe(target.kafka, urls, set(readers), readers, http, patience)
        try:
            steps = await _go(probe.hops(), quiet)
            if workspace and steps[-1]["ok"]:
                await probe.ears.stop()
                steps += await _go(probe.through(workspace), quiet)
        finally:
            await probe.ears.stop()
    return steps


async def _go(hops: "list[Hop]", quiet: bool) -> list[dict[str, Any]]:
    """Take the hops in order until one fails."""
    from millrace.cli.doctor.probe import HopFailed

    steps: list[dict[str, Any]] = []
    for hop in hops:
        began = time.monotonic()
        step: dict[str, Any] = {"hop": hop.name, "service": hop.service, "ok": True, "look": ""}
        try:
            step["saw"] = await hop.act()
        except HopFailed as failed:
            step |= {"ok": False, "saw": failed.reason, "look": failed.look}
        step["took_s"] = round(time.monotonic() - began, 2)
        steps.append(step)
        if not quiet:
            _show(step)
        if not step["ok"]:
            break
    return steps


def _show(step: dict[str, Any]) -> None:
    mark = "[green]ok[/]  " if step["ok"] else "[red]FAIL[/]"
    console.print(f"{mark} {step['took_s']:5.1f} s  {step['hop']}", end="  ")
    console.print(str(step["saw"]), style="dim" if step["ok"] else "red", markup=False)
    if step["look"]:
        console.print(f"look at: {step['look']}", markup=False)
