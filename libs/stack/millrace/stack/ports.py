"""Ports that stay: chosen once for a data folder, kept over restarts."""

import json
import os
import random
import socket
import threading
from pathlib import Path

from .errors import PortTaken

LOWEST, HIGHEST = 15000, 32000


def is_free(port: int) -> bool:
    """Tell whether a TCP port can be bound on 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(taken: set[int]) -> int:
    """Choose a free port that is not in `taken`.

    Ports lie below Linux' ephemeral range: a client that retries a dead port of that range can
    be given the same port as its source, connect to itself and so keep the server from coming back.
    """
    for _ in range(1000):
        port = random.randrange(LOWEST, HIGHEST)
        if port not in taken and is_free(port):
            return port
    raise OSError(f"no free port found between {LOWEST} and {HIGHEST}")


class PortBook:
    """The ports of one data folder, by name, in a JSON file; `given` ones win over kept ones."""

    def __init__(self, path: Path, given: dict[str, int] | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._given = given or {}
        self._ports: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
        self._settled: dict[str, int] = {}

    def port(self, name: str) -> int:
        """Return the port of `name`: the same as last time if it is still free, and for ever once asked.

        Raises PortTaken for a given port that somebody else has.
        """
        with self._lock:
            if name not in self._settled:
                self._settled[name] = self._settle(name)
            return self._settled[name]

    def kept(self) -> dict[str, int]:
        """Return the ports chosen so far, by name."""
        return dict(self._ports)

    def _settle(self, name: str) -> int:
        if name in self._given:
            if not is_free(self._given[name]):
                raise PortTaken(name, self._given[name])
            return self._given[name]
        kept = self._ports.get(name)
        if kept is None or not is_free(kept):
            kept = self._ports[name] = free_port({*self._ports.values(), *self._given.values()})
            self._save()
        return kept

    def _save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(f".{os.getpid()}.new")
        fresh.write_text(json.dumps(self._ports, indent=1))
        fresh.replace(self._path)
