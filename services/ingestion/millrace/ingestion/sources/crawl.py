"""A crawl: page by page from its seeds, as politely as robots.txt asks, never further than it is declared to go."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import unquote, urlsplit
from uuid import UUID

from millrace.chassis import Database, Transaction, Unavailable, Unprocessable
from millrace.ingestion import runs
from millrace.ingestion.domain.revisions import Item, parts, place_of
from millrace.ingestion.domain.urls import normal, origin, prefixes, within
from millrace.ingestion.runs import Ahead
from millrace.ingestion.sources import apart, pages
from millrace.ingestion.sources.batch import About, Batch, Place, Position, Trouble, Unreadable, Waits
from millrace.ingestion.sources.network import Answer, Client, Down, Network, gunzipped
from millrace.ingestion.sources.robots import Robots
from millrace.ingestion.sources.turns import Turns
from millrace.privacy import mask
from millrace.workspace import Crawl

AT_ONCE = 25
"""Pages in one commit: what a kill makes a crawl fetch again."""

SPELL = 5.0
"""Seconds after which what was fetched is committed, be it less."""

PAUSES = (5.0, 60.0)
"""Seconds before a page that did not answer is tried again."""

LONGEST_PAUSE = 600.0
LONGEST_DELAY = 100.0
"""Seconds between requests that are waited for; a site that asks for more is not read."""

SITEMAPS, SITEMAP_BYTES = 50, 20 * 1024 * 1024
ROOM = 20
"""Times as many addresses are remembered as pages may be read."""

MOST_SITEMAPS = 500

GONE = frozenset({"gone", "robots", "outside"})
"""What says that a page is no longer there for us. After any other trouble it may be, and lead where it did."""

PERSONAL = frozenset({"email", "card", "iban"})


@dataclass
class _Seen:
    """What one look at a page brought.

    `lost`: what it leads to is not known, though it may be what it was. `personal`: so many of its links name people.
    """

    ahead: Ahead
    items: list[Item] = field(default_factory=list)
    place: Place | None = None
    links: Sequence[str] = ()
    personal: int = 0
    maps: Sequence[str] = ()
    trouble: Trouble | None = None
    unchanged: bool = False
    settled: bool = False
    lost: bool = False
    again: float | None = None
    at: str | None = None
    read: bool = False


class NothingRead(Unprocessable):
    """A crawl that read no page at all: its declaration is wrong, or its site is away."""

    def __init__(self, why: str) -> None:
        super().__init__(f"none of the seeds could be read: {why}")


class CrawlReader:
    last_wins = False
    retires = True

    def __init__(self, crawl: Crawl, about: About, network: Network, db: Database, *, largest: int) -> None:
        self._crawl = crawl
        self._about = about
        self._network = network
        self._db = db
        self._largest = largest
        self._prefixes = prefixes(crawl.seeds, crawl.allow)
        self._pause = 1.0 / crawl.rate
        self._turns = Turns(db)

    async def batches(self, position: Position | None) -> AsyncGenerator[Batch, None]:
        client = self._network.client(private=self._crawl.private)
        robots = Robots(client, self._turns, self._pause)
        try:
            async with aclosing(self._read(client, robots, position)) as found:
                async for batch in found:
                    yield batch
        finally:
            await client.close()

    async def _read(self, client: Client, robots: Robots, position: Position | None) -> AsyncGenerator[Batch, None]:
        if position is None:
            position = {"pages": 0, "maps": 0, "read": 0}
            yield Batch(position, also=self._seeded(await self._sitemaps(robots)))
        while True:
            async with self._db.reading() as tx:
                waiting, wait = await runs.ahead(tx, self._about, min(AT_ONCE, self._left(position)) or 1)
            if waiting and not self._left(position):
                why = f"only {self._crawl.pages} pages may be read (`pages`), and more were found"
                yield Batch(position, partial=f"{why}; none was retired")
                return
            if not waiting and wait is None:
                if not position.get("read", 1):
                    raise NothingRead(position.get("why") or "none was permitted")
                return
            if not waiting:
                raise Waits(timedelta(seconds=max(0.1, wait or 0.0)))
            batch = await self._looked(client, robots, waiting, position)
            position = batch.position
            yield batch

    def _left(self, position: Position) -> int:
        return max(0, self._crawl.pages - int(position["pages"]))

    async def _sitemaps(self, robots: Robots) -> list[str]:
        """Where the seeds' sites say that their sitemaps are."""
        if not self._crawl.sitemap:
            return []
        found: list[str] = []
        for site in dict.fromkeys(origin(url) for seed in self._crawl.seeds if (url := normal(seed))):
            manners = await robots.of(f"{site}/")
            told = [url for one in manners.sitemaps if (url := normal(one, site))]
            found += told or [f"{site}/sitemap.xml"]
        return found[:SITEMAPS]

    def _seeded(self, maps: Iterable[str]) -> Callable[[Transaction], Awaitable[None]]:
        seeds = [self._ahead(url, "page", 0) for seed in self._crawl.seeds if (url := normal(seed))]
        found = [*seeds, *(self._ahead(url, "sitemap", 0) for url in maps)]
        return lambda tx: runs.add_ahead(tx, self._about, found)

    def _ahead(self, url: str, kind: str, depth: int) -> Ahead:
        return Ahead(self._place(url), url, kind, depth)

    def _place(self, url: str) -> UUID:
        return place_of(self._about.workspace, self._about.source, url)

    async def _looked(self, client: Client, robots: Robots, waiting: Sequence[Ahead], position: Position) -> Batch:
        """Looks at pages, the sites side by side, and says what there was."""
        async with self._db.reading() as tx:
            before = await runs.places(tx, self._about, [one.place for one in waiting])
            known = await runs.known_ahead(tx, self._about)
        by_host: defaultdict[str, list[Ahead]] = defaultdict(list)
        for one in waiting:
            by_host[urlsplit(one.url).netloc].append(one)
        until = asyncio.get_running_loop().time() + SPELL

        failed: list[Unavailable] = []

        async def visit(some: Sequence[Ahead]) -> list[_Seen]:
            found: list[_Seen] = []
            try:
                for one in some:
                    if found and asyncio.get_running_loop().time() > until:
                        break
                    found.append(await self._look(client, robots, one, before.get(one.place)))
            except Unavailable as error:  # of our own database: out of a group of tasks it would come as a group
                failed.append(error)
            return found

        async with asyncio.TaskGroup() as group:
            visits = [group.create_task(visit(some)) for some in by_host.values()]
        if failed:
            raise failed[0]
        seen = [one for each in visits for one in each.result()]
        async with self._db.reading() as tx:
            earlier = await runs.looked_at(tx, self._about, [self._place(one.at) for one in seen if one.at])
        return self._batch(seen, earlier, position, room=max(0, ROOM * self._crawl.pages - known))

    async def _look(self, client: Client, robots: Robots, ahead: Ahead, before: Place | None) -> _Seen:
        try:
            answer = await self._fetched(client, robots, ahead, before)
            if ahead.kind == "sitemap":
                return await self._sitemap(ahead, answer)
            return await self._page(ahead, answer, before)
        except Unreadable as error:
            trouble = Trouble(ahead.url, error.code, error.expected)
            if error.code in GONE:
                return _Seen(ahead, trouble=trouble)
            lost = ahead.kind == "sitemap" and before is not None
            return _Seen(ahead, trouble=trouble, settled=True, lost=lost, links=before.links if before else ())
        except Down as down:
            if ahead.tries < len(PAUSES):
                return _Seen(ahead, again=min(max(PAUSES[ahead.tries], down.retry_after or 0.0), LONGEST_PAUSE))
            trouble = Trouble(ahead.url, "down", f"an answer, after {ahead.tries + 1} tries: {down}")
            return _Seen(ahead, trouble=trouble, settled=True, lost=True, links=before.links if before else ())

    async def _fetched(self, client: Client, robots: Robots, ahead: Ahead, before: Place | None) -> Answer:
        agent = self._network.agent

        async def permits(url: str) -> None:
            if ahead.kind == "page" and not within(url, self._prefixes):
                raise Unreadable("outside", f"an address below {', '.join(self._prefixes)}"[:300])
            if _personal(url):
                raise Unreadable("personal_data", "an address without personal data")
            manners = await robots.of(url)
            if manners.refused:
                raise manners.refused
            if manners.down:
                raise Down(manners.down)
            if not manners.may(url, agent):
                raise Unreadable("robots", "an address that robots.txt lets us read")
            pause = max(self._pause, manners.pause(agent))
            if pause > LONGEST_DELAY:
                raise Unreadable("crawl_delay", f"a Crawl-delay of at most {LONGEST_DELAY:g} s, not {pause:g} s")
            await self._turns.wait(urlsplit(url).netloc, pause)

        asked = {"If-None-Match": before.etag, "If-Modified-Since": before.modified} if before else {}
        headers = {name: value for name, value in asked.items() if value}
        most = self._largest if ahead.kind == "page" else SITEMAP_BYTES
        answer = await client.get(ahead.url, most=most, headers=headers, permits=permits)
        if answer.status in (429, 500, 502, 503, 504):
            raise Down(f"status {answer.status}", _seconds(answer.headers.get("retry-after")))
        if answer.status >= 400:
            code = "gone" if answer.status in (404, 410) else "status"
            raise Unreadable(code, f"a page, not status {answer.status}")
        return answer

    async def _sitemap(self, ahead: Ahead, answer: Answer) -> _Seen:
        body = await asyncio.to_thread(gunzipped, answer.body, SITEMAP_BYTES)
        found, maps = await asyncio.to_thread(pages.sitemap, body, ROOM * self._crawl.pages)
        links = [url for one in found if (url := normal(one, answer.url))]
        maps = [url for one in maps if (url := normal(one, answer.url))]
        return _Seen(ahead, place=Place(ahead.place), links=links, maps=maps)

    async def _page(self, ahead: Ahead, answer: Answer, before: Place | None) -> _Seen:
        if answer.status == 304 and before is not None:
            return _Seen(ahead, links=before.links, unchanged=True, read=True)
        kind = answer.headers.get("content-type", "text/html").partition(";")[0].strip().lower()
        text, title, links = await self._text(kind, answer)
        personal = sum(_personal(link) for link in links if within(link, self._prefixes))
        links = tuple(link for link in links if self._may(link))
        place = Place(self._place(answer.url), answer.headers.get("etag"), answer.headers.get("last-modified"), links)
        about = {"url": answer.url, **({"title": title} if title else {})}
        items = [
            Item(
                own_id=answer.url if number == 1 else f"{answer.url}#{number}",
                place=place.id,
                text=part,
                label=self._crawl.label,
                metadata=about if number == 1 else {**about, "part": str(number)},
                occurred_at=_time(answer.headers.get("last-modified")),
            )
            for number, part in enumerate(await asyncio.to_thread(parts, text), start=1)
        ]
        return _Seen(ahead, items=items, place=place, links=links, personal=personal, at=answer.url, read=True)

    async def _text(self, kind: str, answer: Answer) -> tuple[str, str | None, tuple[str, ...]]:
        if kind in ("text/html", "application/xhtml+xml"):
            read = await apart.page(answer.body, answer.url, answer.headers)
            return read.text, read.title, read.links
        if kind in ("text/plain", "text/markdown"):
            return pages.decoded(answer.body, answer.headers.get("content-type", "")), None, ()
        if kind == "application/pdf":
            return "\n\n".join(await apart.texts(answer.body)), None, ()
        raise Unreadable("kind", f"a page of HTML, text or PDF, not {kind[:100]}")

    def _batch(self, seen: Sequence[_Seen], earlier: set[UUID], position: Position, *, room: int) -> Batch:
        """What to commit of looks: their documents, and what there is to look at next."""
        batch = Batch({**position})
        done: list[Ahead] = []
        again: list[tuple[UUID, float]] = []
        found: dict[UUID, Ahead] = {}
        for one in seen:
            if one.again is not None:
                again.append((one.ahead.place, one.again))
                continue
            done.append(one.ahead)
            batch.position["pages" if one.ahead.kind == "page" else "maps"] += 1
            batch.position["read"] = batch.position.get("read", 1) + int(one.read)
            if one.trouble and one.ahead.kind == "page":
                batch.position.setdefault("why", f"{one.ahead.url}: {one.trouble.code}: {one.trouble.reason}"[:800])
            if one.at:
                if self._place(one.at) in earlier:
                    continue  # it redirects to what was looked at by its own address
                done.append(self._ahead(one.at, "page", one.ahead.depth))
                earlier.add(self._place(one.at))
            self._add(batch, one)
            for link in self._next(one, batch.position):
                found.setdefault(link.place, link)
        new = list(found.values())[:room]

        async def also(tx: Transaction) -> None:
            await runs.add_ahead(tx, self._about, done, done=True)
            await runs.add_ahead(tx, self._about, new)
            for place, pause in again:
                await runs.try_again(tx, self._about, place, pause)

        batch.also = also
        return batch

    def _add(self, batch: Batch, one: _Seen) -> None:
        batch.counts += Counter(pages=int(one.read))
        batch.items += one.items
        if one.place:
            batch.places.append(one.place)
        if one.unchanged:
            batch.unchanged.add(one.ahead.place)
        if one.settled:
            batch.settled.add(one.ahead.place)
        if one.personal:
            told = f"links without personal data in their addresses; {one.personal} are not followed"
            batch.troubles.append(Trouble(one.ahead.url, "personal_data", told))
        if one.trouble is None or self._expected(one):
            return
        batch.troubles.append(one.trouble)
        if one.lost:
            what = "a sitemap could not be read" if one.ahead.kind == "sitemap" else "a page did not answer"
            batch.partial = f"{what}, and what it leads to is not known; none was retired"

    def _expected(self, one: _Seen) -> bool:
        """A sitemap that nobody promised is none."""
        assert one.trouble is not None
        return one.ahead.kind == "sitemap" and one.trouble.code == "gone"

    def _next(self, one: _Seen, position: Position) -> list[Ahead]:
        """Pages and sitemaps that a look leads to."""
        depth = one.ahead.depth + 1
        if one.ahead.kind == "sitemap":
            depth = min(1, self._crawl.depth)
            maps = [self._ahead(url, "sitemap", one.ahead.depth + 1) for url in one.maps[:SITEMAPS]]
            more = one.ahead.depth < 2 and position["maps"] < MOST_SITEMAPS
            return [*(maps if more else []), *self._pages(one.links, depth)]
        return self._pages(one.links, depth) if depth <= self._crawl.depth else []

    def _pages(self, links: Iterable[str], depth: int) -> list[Ahead]:
        return [self._ahead(link, "page", depth) for link in links if self._may(link)]

    def _may(self, link: str) -> bool:
        return within(link, self._prefixes) and not _personal(link)


def _personal(url: str) -> bool:
    """An address that names a person is neither kept nor asked for."""
    return bool(PERSONAL & mask(unquote(url)).counts.keys())


def _seconds(text: str | None) -> float | None:
    """A Retry-After in seconds."""
    return float(text) if text and text.strip().isdigit() and len(text) < 7 else None


def _time(text: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(text or "")
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
