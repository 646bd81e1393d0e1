"""Ports that stay: chosen once for a data folder, kept over restarts."""

import json
import os
import random
import socket
import threading
from pathlib import Path

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
    for port in random.sample(range(LOWEST, HIGHEST), HIGHEST - LOWEST):
        if port not in taken and is_free(port):
            return port
    raise OSError("no free port")


class PortBook:
    """The ports of one data folder, by name, in a JSON file."""

    def __init__(self, path: Path, given: dict[str, int] | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._given = given or {}
        self._ports: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}

    def port(self, name: str) -> int:
        """Return the port given or kept for `name`, or a new free one when there is none or it is taken."""
        if name in self._given:
            return self._given[name]
        with self._lock:
            kept = self._ports.get(name)
            if kept is None or not is_free(kept):
                self._ports[name] = free_port(set(self._ports.values()) | set(self._given.values()))
                self._save()
            return self._ports[name]

    def _save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(f".{os.getpid()}.new")
        fresh.write_text(json.dumps(self._ports, indent=1))
        fresh.replace(self._path)
