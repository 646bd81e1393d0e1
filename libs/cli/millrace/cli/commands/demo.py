"""millrace demo"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from millrace.cli import Failure, console
from millrace.cli.processes import as_table, memory_mb

if TYPE_CHECKING:
    from millrace.stack import Running, Supervisor

commands = typer.Typer()

Rows = Annotated[Path | None, typer.Option("--data", help="A CSV of your own with columns text,category.", exists=True)]
Summary = Annotated[Path | None, typer.Option("--summary", help="Write what happened to this file as JSON.")]
Leave = Annotated[bool, typer.Option("--exit", help="Go down when the story is told instead of staying up.")]
Folder = Annotated[Path | None, typer.Option("--folder", help="Keep the stack's state here; emptied first.")]


@commands.command()
def demo(data: Rows = None, leave: Leave = False, summary: Summary = None, folder: Folder = None) -> None:
    """Watch the whole loop turn: a better version gets into production by evidence, bad ones don't.

    Plays on the stack that is up, else starts one on a data folder of its own and begins there anew.
    """
    from millrace.stack import default_data_folder, find

    running = None if folder else find(default_data_folder())
    if running is not None:
        raise typer.Exit(_play(lambda: running, 0.0, data, summary))
    own = folder or default_data_folder().with_name("millrace-demo")
    with _stack(own) as (supervisor, up_s):
        console.print(f"watch it in the console: [bold]{supervisor.seen().url('console')}[/]")
        console.print(f"other commands see this stack with: export MILLRACE_DATA={own}", style="dim", soft_wrap=True)
        code = _play(supervisor.seen, up_s, data, summary)
        if not leave:
            _stay(supervisor)
        console.print("stopping ...", style="dim")
    raise typer.Exit(code)


@contextmanager
def _stack(folder: Path) -> "Iterator[tuple[Supervisor, float]]":
    from rich.live import Live

    from millrace.stack import Supervisor, find

    if find(folder) is not None:
        raise Failure(f"a demo is already running on {folder}", hint=f"millrace down --data {folder}")
    _empty(folder)
    began = time.monotonic()
    console.print("starting Kafka, Postgres, S3 and the services ...", style="dim")
    supervisor = Supervisor(folder)
    with _stopped_by_signals():
        supervisor.start()
        try:
            with Live(console=console, transient=True, auto_refresh=False) as live:
                while not supervisor.seen().ready and time.monotonic() < began + 120:
                    live.update(as_table(supervisor.seen()), refresh=True)
                    time.sleep(0.5)
            supervisor.wait_ready(1)
            yield supervisor, round(time.monotonic() - began, 1)
        finally:
            supervisor.stop()


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """A terminal that closes or a polite kill ends the demo as Ctrl-C does: in good order."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _play(seen: "Callable[[], Running]", up_s: float, data: Path | None, summary: Path | None) -> int:
    import asyncio

    try:
        from millrace.demo import Place, Unplayable, play
    except ImportError as error:
        raise Failure("the demo needs millrace-demo", hint="pip install millrace-demo") from error
    running = seen()
    urls = {process.service: running.url(process.service) for process in running.processes if process.service}
    place = Place(kafka=running.endpoints.kafka, services=urls, up_s=up_s, rss_mb=lambda: _memory(seen()))
    try:
        return asyncio.run(play(place, data=data, summary_file=summary, console=console))
    except Unplayable as error:
        raise Failure(str(error)) from error


def _memory(running: "Running") -> float:
    return sum(memory_mb(process.pid) or 0.0 for process in running.processes)


def _stay(supervisor: "Supervisor") -> None:
    console.print(f"the stack stays up; the console is {supervisor.seen().url('console')}; Ctrl-C stops everything")
    with suppress(KeyboardInterrupt):
        threading.Event().wait()


def _empty(folder: Path) -> None:
    """Remove what an earlier demo left. Raises Failure for a folder that is not a demo's."""
    import shutil

    if not folder.exists():
        return
    if any(folder.iterdir()) and not (folder / "run" / "lock").exists():
        raise Failure(f"{folder} is not empty and not a data folder of Millrace")
    shutil.rmtree(folder)
