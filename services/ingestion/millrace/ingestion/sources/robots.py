"""What a site lets crawlers do: robots.txt (RFC 9309), read once an hour."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from protego import Protego

from millrace.ingestion.domain.urls import origin
from millrace.ingestion.sources.batch import Unreadable
from millrace.ingestion.sources.network import Client, Down
from millrace.ingestion.sources.turns import Turns

KEPT = 3600.0
LARGEST = 512 * 1024
MOST_SITES = 1000


@dataclass(frozen=True)
class Manners:
    """What robots.txt says to us.

    `down`: it does not answer now, so nothing of the site may be read now (RFC 9309, 2.3.1.4). `refused`: nor ever.
    """

    rules: Protego | None = None
    down: str | None = None
    refused: Unreadable | None = None

    def may(self, url: str, agent: str) -> bool:
        return self.rules is None or bool(self.rules.can_fetch(url, agent))

    def pause(self, agent: str) -> float:
        delay = self.rules.crawl_delay(agent) if self.rules else None
        return float(delay or 0.0)

    @property
    def sitemaps(self) -> list[str]:
        return list(self.rules.sitemaps) if self.rules else []


class Robots:
    """The manners of each site that a run comes to."""

    def __init__(self, client: Client, turns: Turns, pause: float) -> None:
        self._client = client
        self._turns = turns
        self._pause = pause
        self._known: dict[str, tuple[float, Manners]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def of(self, url: str) -> Manners:
        site = origin(url)
        async with self._locks.setdefault(site, asyncio.Lock()):
            read_at, manners = self._known.get(site, (-KEPT, Manners()))
            now = asyncio.get_running_loop().time()
            if now - read_at < KEPT and site in self._known:
                return manners
            manners = await self._read(site)
            if len(self._known) >= MOST_SITES:
                self._known.clear()
            self._known[site] = (now, manners)
            return manners

    async def _read(self, site: str) -> Manners:
        host = site.partition("://")[2]

        async def permits(url: str) -> None:
            await self._turns.wait(host, self._pause)

        try:
            answer = await self._client.get(f"{site}/robots.txt", most=LARGEST, headers={}, permits=permits)
        except Down as down:
            return Manners(down=str(down))
        except Unreadable as unreadable:
            # redirects that lead nowhere are no rules (2.3.1.2); rules that can't be read may forbid anything
            return Manners() if unreadable.code.startswith("redirect") else Manners(refused=unreadable)
        if answer.status >= 500 or answer.status == 429:
            return Manners(down=f"robots.txt: {answer.status}")
        if answer.status >= 400:
            return Manners()
        return Manners(Protego.parse(answer.body.decode("utf-8", "replace")))
