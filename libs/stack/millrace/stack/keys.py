"""Secrets of one data folder: made once, kept in files that only their owner may read."""

import json
import secrets
from collections.abc import Iterable
from pathlib import Path

from .postgres import write_private


class Keys:
    """One password for each service's role, and the secret that services share."""

    def __init__(self, data: Path) -> None:
        self._path = data / "run" / "keys.json"
        self._kept: dict[str, str] = json.loads(self._path.read_text()) if self._path.exists() else {}

    @property
    def secret(self) -> str:
        """Encrypts dead letters and keys pseudonyms: the same in every service, so that pseudonyms agree."""
        return self._get("secret")

    def passwords(self, services: Iterable[str]) -> dict[str, str]:
        """Return a password for each service's Postgres role."""
        return {name: self._get(f"postgres.{name}") for name in services}

    def _get(self, name: str) -> str:
        if name not in self._kept:
            self._kept[name] = secrets.token_urlsafe(32)
            write_private(self._path, json.dumps(self._kept))
        return self._kept[name]
