"""Secrets of one data folder: made once, kept in files that only their owner may read."""

import base64
import json
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from .postgres import write_private


class Signing(NamedTuple):
    """The registry's private key, and the public keys whose signatures count: base64, several by commas."""

    key: str
    trusted: str


def new_signing() -> Signing:
    """A new key with its public half."""
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    return Signing(key, public_of(key))


def public_of(key: str) -> str:
    """The public half of a signing key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = Ed25519PrivateKey.from_private_bytes(base64.b64decode(key)).public_key()
    return base64.b64encode(public.public_bytes_raw()).decode()


class Keys:
    """One password for each service's role, the secret that services share, and what versions are signed with."""

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

    @property
    def signing(self) -> Signing:
        """What the registry signs with, made at the first start; keys of before stay trusted."""
        if "signing" not in self._kept:
            self._keep({"signing": new_signing().key})
        key, before = self._kept["signing"], self._kept.get("trusted", "")
        return Signing(key, ",".join(filter(None, (public_of(key), before))))

    def rotate(self) -> Signing:
        """A new signing key; what the one before has signed still counts."""
        self._keep({"trusted": self.signing.trusted, "signing": new_signing().key})
        return self.signing

    def distrust(self) -> Signing:
        """Only what the present key has signed counts from now on."""
        self._keep({"trusted": "", "signing": self.signing.key})
        return self.signing

    def _get(self, name: str) -> str:
        if name not in self._kept:
            self._keep({name: secrets.token_urlsafe(32)})
        return self._kept[name]

    def _keep(self, kept: dict[str, str]) -> None:
        self._kept |= kept
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_private(self._path, json.dumps(self._kept))
