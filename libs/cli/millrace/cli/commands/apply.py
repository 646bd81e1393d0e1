"""millrace apply"""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from millrace.cli import Data, Failure, Json, Target, show
from millrace.cli.options import By
from millrace.cli.person import whoami

commands = typer.Typer()

File = Annotated[
    Path, typer.Argument(metavar="FILE", help="A workspace file; - reads standard input.", allow_dash=True)
]


@commands.command()
def apply(file: File, data: Data, by: By = "", as_json: Json = False) -> None:
    """Declare a workspace. Returns when every service can read it."""
    text = _read(file)
    with Target(data).http("registry") as registry:
        applied = registry.post("/v1/workspaces", content=text, params={"by": by or whoami()}).json()
    show(applied, as_json, lambda: _told(applied))


def _read(file: Path) -> bytes:
    if str(file) == "-":
        return typer.get_binary_stream("stdin").read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise Failure(f"{file} can't be read: {error.strerror}", kind="unreadable") from None


def _told(applied: dict[str, Any]) -> str:
    what = "declared" if applied["changed"] else "unchanged"
    doubts = [f"[yellow]meant so?[/] {escape(one['key'])}: {escape(one['said'])}" for one in applied["doubts"]]
    return "\n".join([f"[bold]{applied['workspace']}[/] {what}: revision {applied['revision']}", *doubts])
