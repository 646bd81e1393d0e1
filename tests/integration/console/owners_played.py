"""Owners on ports of their own that say what a real stack said once (tests/unit/console/recorded), or what a test tells
them to, and that can die."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

RECORDED = Path(__file__).parents[2] / "unit" / "console" / "recorded"


class Owner:
    """One service's answers by path; a path may name a version, as `/v1/monitors?parcel-support-1`."""

    def __init__(self, name: str, answers: dict[str, Any]) -> None:
        self.name = name
        self.answers = answers
        self.asked: list[str] = []
        self.port = 0
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        """Answers, again on the port that it had before."""
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, kind, body = owner.reply(self.path)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_port
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def die(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def reply(self, target: str) -> tuple[int, str, bytes]:
        self.asked.append(target)
        url = urlsplit(target)
        version = parse_qs(url.query).get("version", [""])[0]
        found = self.answers.get(f"{url.path}?{version}", self.answers.get(url.path))
        if isinstance(found, int):
            return found, "application/json", b"{}"
        if found is None:
            return 404, "application/json", b'{"error": {"code": "not_found", "message": ""}}'
        if isinstance(found, str):
            return 200, "text/plain; version=0.0.4", found.encode()
        return 200, "application/json", json.dumps(found).encode()


class Town:
    """All owners of one recording."""

    def __init__(self, recording: str) -> None:
        told: dict[str, dict[str, Any]] = json.loads(RECORDED.joinpath(f"{recording}.json").read_text())
        self.owners = {name: Owner(name, answers) for name, answers in told.items()}

    def __enter__(self) -> Self:
        for owner in self.owners.values():
            owner.start()
        return self

    def __exit__(self, *_: object) -> None:
        for owner in self.owners.values():
            owner.die()

    def __getitem__(self, name: str) -> Owner:
        return self.owners[name]

    @property
    def services(self) -> dict[str, str]:
        return {name: f"http://127.0.0.1:{owner.port}" for name, owner in self.owners.items()}

    def turn_to(self, recording: str) -> None:
        """Everybody says from now on what they said in another recording."""
        for name, owner in Town(recording).owners.items():
            self.owners[name].answers = owner.answers
