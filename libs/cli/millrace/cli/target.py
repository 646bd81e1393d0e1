"""What a command talks to: a running stack, or addresses from the environment."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from millrace.stack.endpoints import S3Endpoint
from millrace.stack.services import BUCKET, discover, find_root
from millrace.stack.state import Running, find

from .failure import Failure, NotRunning

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True)
class Target:
    """Services found by name.

    $MILLRACE_<SERVICE>_URL, $MILLRACE_KAFKA and $MILLRACE_S3_URL win over the stack on the data folder.

    So the same commands work against compose or Kubernetes: MILLRACE_REGISTRY_URL=https://... millrace versions.
    """

    data: Path

    @property
    def running(self) -> Running:
        """The stack on this machine. Raises NotRunning."""
        running = find(self.data)
        if running is None:
            raise NotRunning(self.data)
        return running

    @property
    def kafka(self) -> str:
        """Return Kafka's bootstrap servers. Raises NotRunning."""
        return os.environ.get("MILLRACE_KAFKA") or self.running.endpoints.kafka

    @property
    def s3(self) -> S3Endpoint:
        """Return S3 and its keys. Raises NotRunning."""
        url = os.environ.get("MILLRACE_S3_URL")
        if url:
            return S3Endpoint(
                url, os.environ.get("MILLRACE_S3_ACCESS_KEY", ""), os.environ.get("MILLRACE_S3_SECRET_KEY", "")
            )
        return self.running.endpoints.s3

    @property
    def bucket(self) -> str:
        """Return the bucket that services share."""
        return os.environ.get("MILLRACE_S3_BUCKET") or BUCKET

    @property
    def services(self) -> list[str]:
        """Return the services' names: of the stack on this machine, and those given an address. Raises NotRunning."""
        given = {name for name in discover(find_root()) if os.environ.get(f"MILLRACE_{name.upper()}_URL")}
        if given and find(self.data) is None:
            return sorted(given)
        return sorted(given | {each.service for each in self.running.processes if each.service})

    def url(self, service: str) -> str:
        """Return where a service's HTTP answers. Raises NotRunning, or Failure when the stack has no such service."""
        given = os.environ.get(f"MILLRACE_{service.upper()}_URL")
        if given:
            return given.rstrip("/")
        try:
            return self.running.url(service)
        except KeyError:
            raise Failure(f"this stack runs no {service}") from None

    @contextmanager
    def http(self, service: str, *, timeout: float = 30.0) -> "Iterator[httpx.Client]":
        """Give an HTTP client for a service; what goes wrong with it becomes a Failure with the service's own words."""
        import httpx

        with httpx.Client(base_url=self.url(service), timeout=timeout, event_hooks={"response": [_refuse]}) as client:
            try:
                yield client
            except httpx.TransportError as error:
                name = type(error).__name__
                raise Failure(f"{service} does not answer at {client.base_url}: {name}", kind="unavailable") from error


def _refuse(response: "httpx.Response") -> None:
    """Turn an error answer, `{"error": {"code", "message"}}`, into a Failure."""
    if response.is_success or response.is_redirect:
        return
    response.read()
    try:
        body: Any = response.json()
        error = body.get("error") if isinstance(body, dict) else None
        words = error if isinstance(error, dict) else {"message": str(body)}
    except ValueError:
        words = {"message": response.text[:500]}
    message = words.get("message") or response.reason_phrase
    raise Failure(str(message), kind=str(words.get("code") or f"http_{response.status_code}"), facts=words)
