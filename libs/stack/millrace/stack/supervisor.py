"""The whole of Millrace on one machine: parts, provisioning, services; what dies is started again."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from .errors import PartFailed, StackError
from .keeper import Keeper
from .keys import Keys
from .part import Part
from .process import reap
from .services import Service, build, discover, environment, find_root, peculiar, provisioning, role_dsn
from .stack import Stack
from .state import ProcessState, Running, state_file


class Supervisor:
    """Runs everything on one data folder. A context manager, or `start()`, `wait_ready()`, `stop()`.

    `ports` fixes ports by process name, `replicas` how often a service runs, `only` which services run.
    """

    def __init__(
        self,
        data: Path,
        *,
        root: Path | None = None,
        ports: dict[str, int] | None = None,
        replicas: Mapping[str, int] | None = None,
        only: list[str] | None = None,
    ) -> None:
        self.data = data.expanduser().resolve()
        self.root = root or find_root()
        self._known = discover(self.root)
        chosen = self._known if only is None else only
        strangers = {*chosen, *(replicas or {})} - {*self._known}
        if strangers:
            raise StackError(f"no service {', '.join(sorted(strangers))}; there are {', '.join(self._known)}")
        self.stack = Stack(self.data, ports=ports)
        self.services = build(chosen, replicas or {}, self.data, self.stack.ports, self.root)
        self._keepers: list[Keeper] = []
        self._phase = "starting"
        self._since = time.time()
        self._done = threading.Event()
        self._publisher = threading.Thread(target=self._publish, name="publish-state", daemon=True)
        self._saved: Running | None = None
        self._passwords: dict[str, str] = {}

    def start(self) -> Running:
        """Start the parts, provision them, set every service going. Raises StackError; nothing is left running then."""
        try:
            self.stack.start()
            for service in self.services:
                reap(self.data / "run" / f"{service.name}.pid")
            self._prepare_services()
            self._keepers = [Keeper(part, running=True) for part in self.stack.parts]
            self._keepers += [Keeper(service) for service in self.services]
            self._provision()
            for keeper in self._keepers:
                keeper.start()
        except BaseException:
            self.stop()
            raise
        self._save()
        self._publisher.start()
        return self.seen()

    def wait_ready(self, patience: float = 180.0) -> Running:
        """Return when every process is ready. Raises PartFailed for the first that fails or is not in time."""
        deadline = time.monotonic() + patience
        while not (now := self.seen()).ready:
            hopeless = now.hopeless(out_of_time=time.monotonic() > deadline)
            if hopeless:
                raise PartFailed(hopeless.name, hopeless.because or "was not ready in time", Path(hopeless.log))
            if self._done.wait(0.1):
                raise StackError("stopped while starting")
        return now

    def stop(self) -> None:
        """Stop services, then parts; nothing is left running."""
        self._phase = "stopping"
        self._done.set()
        if self._publisher.is_alive():
            self._publisher.join()
            self._save()
        parts = len(self.stack.parts)
        _all_at_once(self._keepers[parts:])
        _all_at_once(self._keepers[:parts])
        state_file(self.data).unlink(missing_ok=True)
        self.stack.stop()

    def seen(self) -> Running:
        """Return everything as it is now."""
        return Running(
            pid=os.getpid(),
            phase=self._phase,
            since=self._since,
            data=self.data,
            root=self.root,
            endpoints=self.stack.endpoints,
            passwords=self._passwords,
            processes=tuple(_seen(keeper) for keeper in self._keepers),
        )

    def __enter__(self) -> "Supervisor":
        self.start()
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _prepare_services(self) -> None:
        keys = Keys(self.data)
        self._passwords = keys.passwords(self._known)
        endpoints = self.stack.endpoints
        for service in self.services:
            service.port = self.stack.ports.port(service.name)
        urls = {service.service: service.url for service in reversed(self.services)}  # of the first replica
        for service in self.services:
            name = service.service
            dsn = role_dsn(endpoints.postgres, name, self._passwords[name])
            told = environment(name, endpoints, dsn=dsn, secret=keys.secret, port=service.port)
            service.told = {**told, **peculiar(name, self.data, urls, keys.signing)}

    def _provision(self) -> None:
        """Run the chassis' provisioning as the process that compose and Kubernetes run too."""
        told = provisioning(self.stack.endpoints, self._passwords, self.root / "contracts")
        log = self.data / "logs" / "provision.log"
        with log.open("ab") as output:
            done = subprocess.run(
                [sys.executable, "-m", "millrace.chassis.provision"],
                env={**os.environ, **told},
                cwd=self.root,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=120,
            )
        if done.returncode != 0:
            raise PartFailed("provision", f"ended with code {done.returncode}", log)

    def _publish(self) -> None:
        while not self._done.wait(0.2):
            self._save()
            if self._phase == "starting" and all(keeper.state == "ready" for keeper in self._keepers):
                self._phase = "ready"

    def _save(self) -> None:
        now = self.seen()
        if now != self._saved:
            now.save()
            self._saved = now


def _seen(keeper: Keeper) -> ProcessState:
    part: Part = keeper.part
    service = part if isinstance(part, Service) else None
    child = part.child
    return ProcessState(
        name=part.name,
        service=service.service if service else "",
        state=keeper.state,
        pid=child.pid if child else None,
        port=service.port if service else None,
        restarts=keeper.restarts,
        because=keeper.because,
        log=str(part.log),
    )


def _all_at_once(keepers: list[Keeper]) -> None:
    if keepers:
        with ThreadPoolExecutor(max_workers=len(keepers)) as pool:
            list(pool.map(Keeper.stop, keepers))
