"""Signatures of versions: the registry signs a deployment, who loads it checks. Ed25519."""

import base64
import binascii
import hashlib
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from millrace.chassis.errors import Unprocessable
from millrace.events import Deployment, Signature


class KeyUnreadable(Exception):
    """A setting that should hold a key does not; nothing can start with it."""

    def __init__(self, expected: str) -> None:
        super().__init__(f"expected {expected}")


class SignatureRefused(Unprocessable):
    """A version that must not be loaded."""

    def __init__(self, version: str, reason: str) -> None:
        super().__init__(f"version {version} {reason}")
        self.version = version


def statement(deployment: Deployment) -> bytes:
    """What is signed: canonical JSON of everything but the signature, absent values left out wherever they stand."""
    told = _present(deployment.model_dump(mode="json", exclude={"signature"}))
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _present(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _present(one) for key, one in value.items() if one is not None}
    return [_present(one) for one in value] if isinstance(value, list) else value


class Signer:
    """Signs with one private key: base64 of its 32 bytes."""

    def __init__(self, key: str) -> None:
        try:
            self._private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(key, validate=True))
        except (ValueError, binascii.Error) as error:
            raise KeyUnreadable("a signing key: base64 of the 32 bytes of an ed25519 private key") from error
        public = self._private.public_key()
        self.public = base64.b64encode(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
        self.key = name_of(public)

    def sign(self, deployment: Deployment) -> Deployment:
        value = base64.b64encode(self._private.sign(statement(deployment))).decode()
        return deployment.model_copy(update={"signature": Signature(key=self.key, value=value)})


class Trust:
    """The public keys that a service trusts: base64 of 32 bytes each, comma-separated; several during a rotation."""

    def __init__(self, keys: str) -> None:
        self._keys: dict[str, Ed25519PublicKey] = {}
        for text in filter(None, (part.strip() for part in keys.split(","))):
            try:
                key = Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
            except (ValueError, binascii.Error) as error:
                expected = "trusted keys: base64 of the 32 bytes of an ed25519 public key each, comma-separated"
                raise KeyUnreadable(expected) from error
            self._keys[name_of(key)] = key

    def check(self, deployment: Deployment) -> None:
        """Raises SignatureRefused for a version that is unsigned, signed by a stranger, or changed since."""
        signature = deployment.signature
        if signature is None:
            raise SignatureRefused(deployment.version, "is not signed")
        key = self._keys.get(signature.key)
        if key is None:
            trusted = ", ".join(self._keys) or "none"
            raise SignatureRefused(
                deployment.version, f"is signed with key {signature.key}, which is not trusted (trusted: {trusted})"
            )
        try:
            key.verify(base64.b64decode(signature.value, validate=True), statement(deployment))
        except (InvalidSignature, ValueError) as error:
            reason = "does not fit its signature: something of it was changed after it was signed"
            raise SignatureRefused(deployment.version, reason) from error


def name_of(key: Ed25519PublicKey) -> str:
    """How a key is named in a signature."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]
