"""Child processes that never outlive their owner and can be recognised after a crash."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import psutil

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Command:
    """What to run: `stop_signal` asks for an orderly end, also when the owner dies (Linux)."""

    name: str
    argv: Sequence[str | Path]
    cwd: Path
    log: Path
    env: Mapping[str, str] | None = None
    user: tuple[int, int] | None = None  # uid and gid
    stop_signal: signal.Signals = signal.SIGTERM


class Child:
    """A running process of ours and its pid file."""

    def __init__(self, command: Command, popen: subprocess.Popen[bytes], pid_file: Path) -> None:
        self.command, self._popen, self._pid_file = command, popen, pid_file
        self.started_at = time.time()

    @classmethod
    def spawn(cls, command: Command, pid_file: Path) -> "Child":
        """Start a command in its own process group, its output appended to its log."""
        popen = _spawner.run(lambda: _popen(command))
        child = cls(command, popen, pid_file)
        _write_pid(pid_file, popen.pid)
        return child

    @property
    def pid(self) -> int:
        """Process id, also the id of its group."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; below zero is the signal that ended it."""
        return self._popen.poll()

    def stop(self, patience: float = 10.0) -> None:
        """End the process and its group: ask first, kill after `patience` seconds."""
        if self.exit_code is None:
            _signal_group(self.pid, self.command.stop_signal, whole=False)
            try:
                self._popen.wait(patience)
            except subprocess.TimeoutExpired:
                _signal_group(self.pid, signal.SIGKILL)
                self._popen.wait()
        _signal_group(self.pid, signal.SIGKILL)
        self._pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """SIGKILL the process alone, as a crash would."""
        self._popen.kill()
        self._popen.wait()


def reap(pid_file: Path, patience: float = 5.0) -> None:
    """End what a crashed owner left over: the process itself and all of its session; a reused pid is left alone."""
    leftovers = _leftovers(pid_file)
    for process in leftovers:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, stubborn = psutil.wait_procs(leftovers, patience)
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, patience)
    pid_file.unlink(missing_ok=True)


def _leftovers(pid_file: Path) -> list[psutil.Process]:
    try:
        session = int(json.loads(pid_file.read_text())["pid"])
    except (OSError, ValueError, KeyError):
        return []
    if recorded(pid_file) is None and psutil.pid_exists(session):
        return []
    return [process for process in psutil.process_iter() if _session(process.pid) == session]


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def recorded(pid_file: Path) -> psutil.Process | None:
    """Return the process that a pid file names if it is still that very process."""
    try:
        noted = json.loads(pid_file.read_text())
        process = psutil.Process(noted["pid"])
        same = abs(process.create_time() - noted["created"]) < 0.05
    except (OSError, ValueError, KeyError, psutil.NoSuchProcess):
        return None
    return process if same and process.status() != psutil.STATUS_ZOMBIE else None


def _write_pid(pid_file: Path, pid: int) -> None:
    pid_file.parent.mkdir(parents=True, exist_ok=True)
    try:
        created = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return
    fresh = pid_file.with_suffix(".new")
    fresh.write_text(json.dumps({"pid": pid, "created": created}))
    fresh.replace(pid_file)


def _signal_group(pid: int, number: signal.Signals, *, whole: bool = True) -> None:
    try:
        (os.killpg if whole else os.kill)(pid, number)
    except ProcessLookupError:
        return


def _popen(command: Command) -> subprocess.Popen[bytes]:
    command.log.parent.mkdir(parents=True, exist_ok=True)
    with command.log.open("ab") as log:
        return subprocess.Popen(
            [str(part) for part in command.argv],
            cwd=command.cwd,
            env=dict(command.env) if command.env is not None else None,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=command.user[0] if command.user else None,
            group=command.user[1] if command.user else None,
            extra_groups=[] if command.user else None,
            preexec_fn=_die_with_parent(command.stop_signal, os.getpid()),
        )


def _die_with_parent(number: signal.Signals, parent: int) -> Callable[[], None] | None:
    if _libc is None:
        return None

    def ask_kernel() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:  # the parent died between fork and prctl
            os._exit(1)

    return ask_kernel


class _Spawner:
    """One thread that starts every child: the kernel's parent-death signal follows the *thread* that forked."""

    def __init__(self) -> None:
        self._orders: SimpleQueue[tuple[Callable[[], subprocess.Popen[bytes]], Future[subprocess.Popen[bytes]]]]
        self._orders = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def run(self, order: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="spawner", daemon=True)
                self._thread.start()
        answer: Future[subprocess.Popen[bytes]] = Future()
        self._orders.put((order, answer))
        return answer.result()

    def _work(self) -> None:
        while True:
            order, answer = self._orders.get()
            try:
                answer.set_result(order())
            except BaseException as error:
                answer.set_exception(error)


_spawner = _Spawner()
