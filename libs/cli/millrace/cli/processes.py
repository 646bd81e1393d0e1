"""The processes of a stack, for people and for programs."""

import time
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from .output import table

if TYPE_CHECKING:
    from millrace.stack import Running

COLOURS = {"ready": "green", "starting": "yellow", "waiting": "dim", "failed": "red", "stopped": "dim", "silent": "red"}


def as_data(running: "Running") -> dict[str, Any]:
    """Return everything but the secrets: endpoints, processes with url, memory in MB, restarts."""
    return {
        "phase": running.phase,
        "ready": running.ready,
        "pid": running.pid,
        "since": running.since,
        "data": str(running.data),
        "kafka": running.endpoints.kafka,
        "postgres": running.endpoints.postgres.rpartition("@")[2],
        "s3": running.endpoints.s3.url,
        "processes": [
            {
                "name": process.name,
                "service": process.service or None,
                "state": process.state,
                "pid": process.pid,
                "url": f"http://127.0.0.1:{process.port}" if process.port else None,
                "restarts": process.restarts,
                "because": process.because or None,
                "rss_mb": memory_mb(process.pid),
                "log": process.log,
            }
            for process in running.processes
        ],
    }


def as_table(running: "Running", hint: str = "") -> RenderableType:
    """Return the table that `up` and `status` show."""
    data = as_data(running)
    where = {"kafka": data["kafka"], "postgres": data["postgres"], "s3": data["s3"]}
    rows = [
        (
            process["name"],
            Text(process["state"], style=COLOURS.get(process["state"], "")),
            process["url"] or where.get(process["name"], ""),
            f"{process['rss_mb']:.0f} MB" if process["rss_mb"] else "",
            str(process["restarts"] or ""),
            Text(process["because"] or "", style="dim", overflow="ellipsis", no_wrap=True),
        )
        for process in data["processes"]
    ]
    total = sum(process["rss_mb"] or 0 for process in data["processes"])
    minutes, seconds = divmod(int(time.time() - running.since), 60)
    foot = f"up {minutes}:{seconds:02d}, {total / 1024:.1f} GB, data in {running.data}"
    parts: list[RenderableType] = [table(("process", "state", "where", "memory", "restarts", "last end"), rows)]
    return Group(*parts, Text(f"{foot}\n{hint}".rstrip(), style="dim"))


def memory_mb(pid: int | None) -> float | None:
    """Return the resident memory of a process and its children, without what they share where that is known."""
    import psutil

    if pid is None:
        return None
    try:
        process = psutil.Process(pid)
        return round(sum(_own(each) for each in (process, *process.children(recursive=True))) / 2**20, 1)
    except psutil.Error:
        return None


def _own(process: Any) -> int:
    import psutil

    try:
        seen = process.memory_info()
    except psutil.Error:
        return 0
    return int(seen.rss - getattr(seen, "shared", 0) if process.name() == "postgres" else seen.rss)
