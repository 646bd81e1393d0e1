"""The state file: what runs on a data folder, for every other process that wants to know."""

import fcntl
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .endpoints import Endpoints
from .postgres import write_private


@dataclass(frozen=True)
class ProcessState:
    """One process as the supervisor last saw it; `service` is empty for Kafka, Postgres and S3."""

    name: str
    service: str
    state: str
    pid: int | None
    port: int | None
    restarts: int
    because: str
    log: str


@dataclass(frozen=True)
class Running:
    """A stack that was seen running: `phase` is starting, ready, stopping."""

    pid: int
    phase: str
    since: float
    data: Path
    root: Path
    endpoints: Endpoints
    passwords: dict[str, str] = field(repr=False)
    processes: tuple[ProcessState, ...] = ()

    def url(self, service: str) -> str:
        """Return where a service's HTTP answers (its first replica). Raises KeyError(service)."""
        for process in self.processes:
            if process.service == service and process.port:
                return f"http://127.0.0.1:{process.port}"
        raise KeyError(service)

    def process(self, name: str) -> ProcessState:
        """Return one process. Raises KeyError(name)."""
        for process in self.processes:
            if process.name == name:
                return process
        raise KeyError(name)

    @property
    def ready(self) -> bool:
        """Whether every process is ready."""
        return self.phase == "ready" and all(process.state == "ready" for process in self.processes)

    def hopeless(self, *, out_of_time: bool = False) -> ProcessState | None:
        """Return a process that died again and again without ever being ready, or any unready one `out_of_time`."""
        for process in self.processes:
            if process.state != "ready" and (out_of_time or process.restarts >= 5):
                return process
        return None

    def save(self) -> None:
        """Write the state file, which holds passwords, for its owner alone."""
        data = {**asdict(self), "data": str(self.data), "root": str(self.root)}
        fresh = state_file(self.data).with_suffix(f".{os.getpid()}.new")
        write_private(fresh, json.dumps(data, indent=1))
        fresh.replace(state_file(self.data))


def default_data_folder() -> Path:
    """Return $MILLRACE_DATA, or millrace in $XDG_DATA_HOME (~/.local/share)."""
    given = os.environ.get("MILLRACE_DATA")
    return Path(given) if given else Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "millrace"


def state_file(data: Path) -> Path:
    """Return where the state of a data folder is kept."""
    return data / "run" / "state.json"


def find(data: Path) -> Running | None:
    """Return what runs on a data folder, None when its supervisor is gone (however it went)."""
    data = data.expanduser().resolve()
    try:
        kept: dict[str, Any] = json.loads(state_file(data).read_text())
    except (OSError, ValueError):
        return None
    if owner(data) != kept["pid"]:
        return None
    return Running(
        pid=kept["pid"],
        phase=kept["phase"],
        since=kept["since"],
        data=data,
        root=Path(kept["root"]),
        endpoints=Endpoints.from_json(kept["endpoints"]),
        passwords=kept["passwords"],
        processes=tuple(ProcessState(**each) for each in kept["processes"]),
    )


def owner(data: Path) -> int | None:
    """Return the process that holds the folder's lock, None when nobody does."""
    try:
        lock = (data / "run" / "lock").open("r+b")
    except OSError:
        return None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return int(lock.read().decode() or "0")
    return None
