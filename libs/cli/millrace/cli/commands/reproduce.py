"""millrace reproduce"""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from millrace.cli import Data, Failure, Json, Target, show
from millrace.cli.options import By
from millrace.cli.output import errors, printed
from millrace.cli.person import counted, whoami

if TYPE_CHECKING:
    import httpx

commands = typer.Typer()

LOOK = 1.0
"""Seconds between two looks."""


@commands.command()
def reproduce(
    version: Annotated[str, typer.Argument(help="Such as parcels-3; or a run's id, or how it begins.")],
    data: Data,
    by: By = "",
    as_json: Json = False,
) -> None:
    """Train a version again from its lineage, in a process of its own, and compare the weights.

    Ends with 1 where other weights came of it, and names what differs: packages, rows that were erased, the machine.
    """
    target = Target(data)
    run = _run(target, version)
    with target.http("training") as training:
        asked = training.post(f"/v1/runs/{run}/reproductions", json={"by": by or whoami()}).json()
        found = _ended(training, run, asked["id"])
    if as_json:
        printed(found)
    if found["state"] == "failed":
        raise Failure(f"{version} can't be made again: {found['reason']}", kind="not_reproducible")
    if not as_json:
        show(found, False, lambda: _told(version, found))
    if found["state"] == "different":
        raise Failure(f"other weights came of making {version} again", kind="different")


def _run(target: Target, version: str) -> str:
    """The run that a version came of; what is no version's name is a run's."""
    workspace, _, number = version.rpartition("-")
    if not workspace or not number.isdigit() or len(number) >= 8:
        return version
    with target.http("registry") as registry:
        return str(registry.get(f"/v1/workspaces/{workspace}/lineage/{version}").json()["run"]["id"])


def _ended(training: "httpx.Client", run: str, id: str) -> dict[str, Any]:
    with errors.status("waits for a worker") as status:
        while True:
            every = training.get(f"/v1/runs/{run}/reproductions").json()
            found: dict[str, Any] = next(one for one in every if one["id"] == id)
            if found["ended_at"]:
                return found
            if found["stage"]:
                of = f" of {found['steps']:,}" if found["steps"] else ""
                status.update(f"{found['stage']}: {found['step']:,}{of}")
            time.sleep(LOOK)


def _told(version: str, found: dict[str, Any]) -> RenderableType:
    same = found["state"] == "same"
    words = "the same weights came of it" if same else "other weights came of it"
    head = Text.assemble(
        (version, "bold"), ": ", (words, "green" if same else "red"), f", in {found['seconds']:,.0f} s"
    )
    weights = [Text(f"was  {found['was']}"), *([] if same else [Text(f"now  {found['weights']}")])]
    differs = [Text(f"differs  {one}", style="yellow") for one in found["differs"]]
    if not same and not differs:
        differs = [Text("nothing that is known differs: not the rows, the base, the packages or the machine")]
    notes = [Text(f"({counted(len(differs), 'thing')} may be why)", style="dim")] if differs and not same else []
    return Group(head, *weights, *differs, *notes)
