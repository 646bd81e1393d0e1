"""A supervisor in the background: launched, waited for, shut down from any other process."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from .errors import PartFailed, StackError
from .process import reap
from .state import Running, find, owner, state_file


@dataclass(frozen=True)
class Options:
    """What `Supervisor` is asked for, as plain data."""

    data: str
    root: str | None = None
    ports: dict[str, int] = field(default_factory=dict)
    replicas: dict[str, int] = field(default_factory=dict)
    only: list[str] | None = None


def launch(options: Options, *, patience: float = 240.0, watch: Callable[[Running], None] | None = None) -> Running:
    """Start a supervisor that outlives this process and return when everything is ready.

    `watch` is called with each state on the way. What already runs on the folder is found and returned.
    Raises PartFailed when it ends early or isn't ready in time; then nothing is left running.
    """
    data = Path(options.data).expanduser().resolve()
    log = data / "logs" / "supervisor.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "millrace.stack", json.dumps(asdict(options))],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        return _await(data, child, log, patience, watch)
    except StackError:
        if owner(data) in (None, child.pid):  # ours, or nobody's leftovers
            shut_down(data)
        raise


def _await(
    data: Path, child: subprocess.Popen[bytes], log: Path, patience: float, watch: Callable[[Running], None] | None
) -> Running:
    deadline = time.monotonic() + patience
    while True:
        late = time.monotonic() > deadline
        ended, seen = child.poll(), find(data)
        if seen is not None:
            if watch:
                watch(seen)
            if seen.ready:
                return seen
            hopeless = seen.hopeless(out_of_time=late)
            if hopeless:
                raise PartFailed(hopeless.name, hopeless.because or "was not ready in time", Path(hopeless.log))
        elif (ended is not None and owner(data) is None) or late:
            raise PartFailed("supervisor", f"ended with code {ended}" if not late else "was not ready in time", log)
        time.sleep(0.2)


def shut_down(data: Path, patience: float = 60.0) -> bool:
    """Stop whatever runs on a data folder and leave nothing; False when nothing ran.

    Also ends what a killed supervisor left behind.
    """
    data = data.expanduser().resolve()
    pid = owner(data)
    if pid:
        _end(pid, data, patience)
    left = list((data / "run").glob("*.pid"))
    for pid_file in left:
        reap(pid_file)
    state_file(data).unlink(missing_ok=True)
    return bool(pid or left)


def _end(pid: int, data: Path, patience: float) -> None:
    if pid == os.getpid():
        raise StackError("this very process runs the stack: stop its Supervisor instead")
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while owner(data) == pid:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            deadline = float("inf")
        time.sleep(0.1)
    with suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
        psutil.Process(pid).wait(patience)  # it lets go of the folder a moment before it ends
