"""millrace up, down, status, logs"""

import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from millrace.cli import Data, Failure, Json, Target, console, printed, show
from millrace.cli.options import pairs
from millrace.cli.processes import as_data, as_table
from millrace.stack import Options, Supervisor, asked, find, launch, shut_down

if TYPE_CHECKING:
    from millrace.stack import Running

commands = typer.Typer()

Ports = Annotated[list[str], typer.Option("--port", help="NAME=PORT for kafka, postgres, s3 or a service.")]
Replicas = Annotated[list[str], typer.Option("--replicas", help="SERVICE=NUMBER of processes.")]
Only = Annotated[list[str], typer.Option("--only", help="Run only this service (may be repeated).")]


@commands.command()
def up(
    data: Data,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when everything is ready.")] = False,
    port: Ports = [],  # noqa: B006 - typer copies it
    replicas: Replicas = [],  # noqa: B006
    only: Only = [],  # noqa: B006
    as_json: Json = False,
) -> None:
    """Start Kafka, Postgres, S3 and every service; finds what already runs."""
    running = find(data)
    if running:
        _tell(running, as_json, f"already running since {time.ctime(running.since)}")
        return
    ports, copies = pairs(port, "--port"), pairs(replicas, "--replicas")
    options = Options(str(data), ports=ports, replicas=copies, only=only or None)
    if detach or as_json:
        _tell(_launch(options, as_json), as_json, "ready")
    else:
        _foreground(options)


@commands.command()
def down(data: Data, as_json: Json = False) -> None:
    """Stop everything on the data folder; its data stays."""
    stopped = shut_down(data)
    if as_json:
        printed({"stopped": stopped})
    else:
        console.print("everything is down" if stopped else f"nothing ran on {data}")


@commands.command()
def status(data: Data, as_json: Json = False) -> None:
    """Ask each process and show how it fares, and where it is. Exit code 1 unless all is ready, 3 when nothing runs."""
    running = asked(Target(data).running)
    show(as_data(running), as_json, lambda: as_table(running))
    if not running.ready:
        raise typer.Exit(1)


@commands.command()
def logs(
    data: Data,
    name: Annotated[str, typer.Argument(help="A process as `status` names it; all when left out.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0)] = 50,
) -> None:
    """Print the last lines of the processes' logs."""
    from millrace.cli.tail import each_line

    folder = data.expanduser() / "logs"
    known = sorted(path.stem for path in folder.glob("*.log"))
    if not known:
        raise Failure(f"no logs in {folder}", kind="not_found")
    if name and name not in known:
        raise Failure(f"no log of {name}", hint=f"there are {', '.join(known)}", kind="not_found")
    for line in each_line([folder / f"{each}.log" for each in ([name] if name else known)], lines, follow=follow):
        console.print(line, markup=False, soft_wrap=True)


def _launch(options: Options, as_json: bool) -> "Running":
    from rich.live import Live

    if as_json:
        return launch(options)
    with Live(console=console, transient=True, auto_refresh=False) as live:
        return launch(options, watch=lambda seen: live.update(as_table(seen), refresh=True))


def _foreground(options: Options) -> None:
    from rich.live import Live

    asked = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: asked.set())
    console.print("starting Kafka, Postgres and S3 ...", style="dim")
    supervisor = Supervisor(Path(options.data), ports=options.ports, replicas=options.replicas, only=options.only)
    supervisor.start()
    try:
        with Live(console=console, auto_refresh=False) as live:
            while not asked.wait(0.5):
                live.update(as_table(supervisor.seen(), hint=_hint(supervisor.seen())), refresh=True)
        console.print("stopping ...", style="dim")
    finally:
        supervisor.stop()
    console.print("everything is down; the data stays")


def _tell(running: "Running", as_json: bool, headline: str) -> None:
    data: dict[str, Any] = as_data(running)
    show(data, as_json, lambda: as_table(running, hint=f"{headline}{_console(running)}"))


def _hint(running: "Running") -> str:
    return f"Ctrl-C stops everything{_console(running)}"


def _console(running: "Running") -> str:
    try:
        return f"; the console is {running.url('console')}"
    except KeyError:
        return ""
