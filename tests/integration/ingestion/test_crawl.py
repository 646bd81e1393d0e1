"""Crawls of a site on this machine: what is published once, what is left alone, and what does no harm."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from harness import Running, running
from sources_run import ask, codes, declare, lapse, report, retired, run, texts
from web_sites import LOREM, Reply, Site, html, site, to

from millrace.chassis import Unavailable
from millrace.events import DocumentAccepted
from millrace.ingestion.app import build_app
from millrace.ingestion.domain.addresses import allowed
from millrace.ingestion.sources import crawl as crawling
from millrace.ingestion.sources import network
from millrace.ingestion.sources.network import Network, resolve
from millrace.ingestion.sources.turns import Turns
from millrace.stack import Endpoints


def here(address: str, *, private: bool) -> bool:
    """The policy of the test's network: 127.0.0.1 is the world, everything else is as it is."""
    return address == "127.0.0.1" or allowed(address, private=private)


async def named(host: str, port: int) -> list[str]:
    return ["127.0.0.1"] if host == "help.test" else await resolve(host, port)


NETWORK = Network("millrace-test", resolve=named, allowed=here)


@pytest.fixture
async def web() -> AsyncIterator[Site]:
    async with site() as made:
        made.host = "help.test"
        yield made


@pytest.fixture
async def ingestion(stack: Endpoints, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    monkeypatch.setattr(crawling, "PAUSES", (0.0, 0.0))
    async with running(stack, "ingestion", partial(build_app, network=NETWORK), page_bytes=200_000) as service:
        yield service


def crawl(web: Site, **more: Any) -> dict[str, Any]:
    return {"help": {"kind": "crawl", "seeds": [f"{web.url}/"], "rate": 100, "sitemap": False} | more}


def text(n: int) -> str:
    return LOREM.format(n=n)


async def test_pages_are_published_once_and_looked_at_by_their_etag(ingestion: Running, web: Site) -> None:
    web.routes = {"/": html(text(1), "/a", "/b", "/a#top"), "/a": html(text(2), "/b"), "/b": html(text(3), "/")}
    await declare(ingestion, crawl(web))
    first = await run(ingestion)
    assert (first["state"], first["counts"]["new"], first["troubles"]) == ("complete", 3, [])
    assert sorted(web.pages) == ["/", "/a", "/b"]
    assert sum((await texts(ingestion)).values()) == 3
    (accepted, *_) = await ingestion.emitted(DocumentAccepted)
    assert (accepted.source, accepted.metadata["title"]) == ("help", "Help")
    once = await ingestion.emitted(DocumentAccepted)
    second = await run(ingestion)
    assert (second["state"], second["counts"]["unchanged"]) == ("complete", 3)
    assert sum("if-none-match" in asked for asked in web.asked[-3:]) == 3
    assert await ingestion.emitted(DocumentAccepted) == once
    assert await retired(ingestion) == []


async def test_a_changed_page_is_a_revision_and_a_vanished_one_is_retired(ingestion: Running, web: Site) -> None:
    web.routes = {"/": html(text(1), "/a", "/b"), "/a": html(text(2)), "/b": html(text(3))}
    await declare(ingestion, crawl(web))
    await run(ingestion)
    first = {event.text: event for event in await ingestion.emitted(DocumentAccepted)}
    web.routes["/a"] = html(text(20))
    del web.routes["/b"]
    second = await run(ingestion)
    assert (second["state"], codes(second)) == ("complete", {f"{web.url}/b": "gone"})
    assert {name: second["counts"][name] for name in ("changed", "retired")} == {"changed": 1, "retired": 1}
    revised = (await ingestion.emitted(DocumentAccepted))[-1]
    assert (revised.text, revised.document_id) == (text(20), first[text(2)].document_id)
    (gone,) = await retired(ingestion)
    assert (gone.document_id, gone.because) == (first[text(3)].document_id, "vanished")
    assert gone.known_at > first[text(3)].known_at
    third = await run(ingestion)
    assert "retired" not in third["counts"] or not third["counts"]["retired"]
    web.routes["/b"] = html(text(3))
    await run(ingestion)
    back = (await ingestion.emitted(DocumentAccepted))[-1]
    assert (back.text, back.document_id) == (text(3), gone.document_id)
    assert back.known_at > gone.known_at
    assert back.id != first[text(3)].id


async def test_robots_sitemap_depth_and_prefixes_are_kept_to(ingestion: Running, web: Site) -> None:
    web.routes = {
        "/robots.txt": Reply(f"User-agent: *\nDisallow: /secret\nSitemap: {web.url}/map.xml.gz".encode()),
        "/map.xml.gz": Reply(gzip.compress(f"<urlset><url><loc>{web.url}/guides/mapped</loc></url></urlset>".encode())),
        "/guides/": html(text(1), "/guides/1", "/secret/x", "/elsewhere", "http://other.invalid/"),
        "/guides/1": html(text(2), "/guides/2"),
        "/guides/2": html(text(3)),
        "/guides/mapped": html(text(4)),
    }
    seeds = {"sitemap": True, "seeds": [f"{web.url}/guides/"], "allow": [f"{web.url}/guides/", f"{web.url}/secret"]}
    await declare(ingestion, crawl(web, depth=1, **seeds))
    found = await run(ingestion)
    assert set(await texts(ingestion)) == {text(1), text(2), text(4)}
    assert codes(found) == {f"{web.url}/secret/x": "robots"}
    assert "/secret/x" not in web.hits
    assert "/elsewhere" not in web.hits
    assert web.hits.count("/robots.txt") == 1


async def test_a_site_whose_rules_do_not_answer_is_left_alone(ingestion: Running, web: Site) -> None:
    web.routes = {"/robots.txt": Reply(status=503), "/": html(text(1))}
    await declare(ingestion, crawl(web))
    found = await run(ingestion)
    assert (found["state"], codes(found)) == ("failed", {f"{web.url}/": "down"})
    assert found["reason"].startswith(f"none of the seeds could be read: {web.url}/: down")
    assert web.pages == []


async def test_a_crawl_whose_seeds_may_not_be_reached_fails_and_says_what_to_declare(ingestion: Running) -> None:
    async with site("127.0.0.2") as inside:
        inside.host = "127.0.0.2"
        inside.routes = {"/": html(text(1), "/a"), "/a": html(text(2))}
        await declare(ingestion, crawl(inside))
        found = await run(ingestion)
        assert (found["state"], inside.hits) == ("failed", [])
        assert "private: true" in found["reason"] and "127.0.0.2" in found["reason"]
        assert codes(found) == {f"{inside.url}/": "private_address"}  # with its address, which is a site's
        await declare(ingestion, crawl(inside, private=True))
        assert (await run(ingestion))["counts"]["new"] == 2
        urls = {event.metadata["url"] for event in await ingestion.emitted(DocumentAccepted)}
        assert urls == {f"{inside.url}/", f"{inside.url}/a"}


async def test_links_that_name_people_and_redirects_that_lead_away_are_told(ingestion: Running, web: Site) -> None:
    web.routes = {
        "/": html(text(1), "/out", "/mail?to=joe@example.com"),
        "/out": to("http://elsewhere.test/"),
    }
    await declare(ingestion, crawl(web))
    found = await run(ingestion)
    assert found["state"] == "complete"
    assert codes(found) == {f"{web.url}/": "personal_data", f"{web.url}/out": "outside"}
    assert "joe" not in str(found)


async def test_a_page_that_redirects_to_a_private_address_is_not_followed(ingestion: Running, web: Site) -> None:
    async with site("127.0.0.2") as inside:
        inside.routes = {"/": html("The keys of the house are under the mat, by the door.")}
        secret = f"http://127.0.0.2:{inside.port}/"
        web.routes = {"/": html(text(1), "/out", "/meta"), "/out": to(secret), "/meta": to("http://169.254.169.254/x")}
        allow = [web.url, secret, "http://169.254.169.254/"]
        await declare(ingestion, crawl(web, allow=allow))
        found = await run(ingestion)
        assert codes(found) == {f"{web.url}/out": "private_address", f"{web.url}/meta": "private_address"}
        assert inside.hits == []
        assert set(await texts(ingestion)) == {text(1)}
        await declare(ingestion, crawl(web, allow=allow, private=True))
        found = await run(ingestion)
        assert codes(found) == {f"{web.url}/meta": "private_address"}
        assert inside.pages == ["/"]


async def test_a_name_that_changes_its_address_does_not_lead_inside(stack: Endpoints, web: Site) -> None:
    async def rebinding(host: str, port: int) -> list[str]:
        """Until the first page is there, the name leads outside."""
        outside = "/" not in web.hits
        return ["127.0.0.1" if outside else "127.0.0.2"] if host == "site.test" else await resolve(host, port)

    rebound = Network("millrace-test", resolve=rebinding, allowed=here)
    web.routes = {"/": html(text(1), "/a"), "/a": html(text(2))}
    async with (
        running(stack, "ingestion", partial(build_app, network=rebound)) as service,
        site("127.0.0.2") as inside,
    ):
        inside.port = web.port
        await declare(service, crawl(web, seeds=[f"http://site.test:{web.port}/"]))
        found = await run(service)
        assert codes(found) == {f"http://site.test:{web.port}/a": "private_address"}
        assert set(await texts(service)) == {text(1)}


async def test_redirects_end_and_lead_to_one_document(ingestion: Running, web: Site) -> None:
    web.routes = {
        "/": html(text(1), "/loop", "/far0", "/old", "/older", "/new"),
        "/loop": to("/loop2"),
        "/loop2": to("/loop"),
        **{f"/far{n}": to(f"/far{n + 1}") for n in range(9)},
        "/old": to("/new", 301),
        "/older": to("/old", 301),
        "/new": html(text(2)),
    }
    await declare(ingestion, crawl(web))
    found = await run(ingestion)
    assert codes(found) == {f"{web.url}/loop": "redirect_loop", f"{web.url}/far0": "redirects"}
    assert await texts(ingestion) == {text(1): 1, text(2): 1}


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"<p>and so on and so on and so on</p>" * 100


def bomb() -> bytes:
    """A gigabyte in a megabyte."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    zeros = bytes(1024 * 1024)
    return b"".join(packer.compress(zeros) for _ in range(1024)) + packer.flush()


async def test_pages_that_do_not_end_or_blow_up_are_cut_short(ingestion: Running, web: Site) -> None:
    web.routes = {
        "/": html(text(1), "/endless", "/bomb", "/cut", "/image"),
        "/endless": lambda headers: Reply(endless(), headers={"Content-Type": "text/html"}),
        "/bomb": Reply(bomb(), headers={"Content-Type": "text/html", "Content-Encoding": "gzip"}),
        "/cut": Reply(b"not gzip at all", headers={"Content-Type": "text/html", "Content-Encoding": "gzip"}),
        "/image": Reply(b"\x89PNG", headers={"Content-Type": "image/png"}),
    }
    await declare(ingestion, crawl(web))
    found = await run(ingestion)
    assert found["state"] == "complete"
    assert codes(found) == {
        f"{web.url}/endless": "too_large",
        f"{web.url}/bomb": "too_large",
        f"{web.url}/cut": "content_encoding",
        f"{web.url}/image": "kind",
    }
    assert set(await texts(ingestion)) == {text(1)}


async def test_a_page_that_comes_drop_by_drop_is_not_waited_for(
    ingestion: Running, web: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "WHOLE", 0.5)

    async def drops() -> AsyncIterator[bytes]:
        while True:
            yield b"<"
            await asyncio.sleep(0.05)

    web.routes = {"/": html(text(1), "/slow"), "/slow": lambda headers: Reply(drops())}
    await declare(ingestion, crawl(web))
    found = await run(ingestion)
    ingestion.clock.advance(60)
    await ingestion.work("fetch")
    found = await report(ingestion, found["run"])
    assert (found["state"], codes(found)) == ("partial", {f"{web.url}/slow": "down"})
    assert "no whole answer within 0.5 s" in found["troubles"][0]["reason"]


async def test_rules_that_do_not_end_allow_nothing(ingestion: Running, web: Site) -> None:
    web.routes = {"/robots.txt": lambda headers: Reply(endless()), "/": html(text(1))}
    await declare(ingestion, crawl(web))
    found = await run(ingestion)
    assert codes(found) == {f"{web.url}/": "too_large"}
    assert web.pages == []


async def test_wrong_encodings_are_read_as_they_are(ingestion: Running, web: Site) -> None:
    german = "Wo ist mein Päckchen geblieben? Es fehlt schon seit übermäßig vielen Tagen."
    page = f"<html><body><main><p>{german}</p></main></body></html>"
    web.routes = {
        "/": html(text(1), "/latin", "/utf16", "/lying"),
        "/latin": Reply(page.encode("latin-1"), headers={"Content-Type": "text/html; charset=utf-8"}),
        "/utf16": Reply(page.replace("Tagen", "Wochen").encode("utf-16"), headers={"Content-Type": "text/html"}),
        "/lying": Reply(
            page.replace("Tagen", "Jahren").encode(), headers={"Content-Type": "text/html; charset=no-such-thing"}
        ),
    }
    await declare(ingestion, crawl(web))
    await run(ingestion)
    expected = {german, german.replace("Tagen", "Wochen"), german.replace("Tagen", "Jahren")}
    assert set(await texts(ingestion)) == {text(1), *expected}


async def test_a_page_that_is_down_is_tried_again_and_then_nothing_is_retired(ingestion: Running, web: Site) -> None:
    web.routes = {"/": html(text(1), "/a", "/b"), "/a": html(text(2)), "/b": html(text(3))}
    await declare(ingestion, crawl(web))
    await run(ingestion)
    web.routes = {"/": html(text(1), "/a", "/c"), "/a": Reply(status=503), "/c": html(text(4))}
    ingestion.clock.advance(60)
    number = await ask(ingestion)
    for _ in range(4):
        await ingestion.work("fetch")
        ingestion.clock.advance(60)
    found = await report(ingestion, number)
    assert found["state"] == "partial"
    assert "did not answer" in found["reason"]
    assert web.hits.count("/a") == 4
    assert await retired(ingestion) == []
    web.routes["/a"] = html(text(2))
    assert (await run(ingestion))["state"] == "complete"
    assert len(await retired(ingestion)) == 1


async def test_more_pages_than_may_be_read_make_a_run_partial(ingestion: Running, web: Site) -> None:
    web.routes = {"/": html(text(100), *(f"/{n}" for n in range(30)))}
    web.routes |= {f"/{n}": html(text(n), f"/{n}0") for n in range(30)}
    await declare(ingestion, crawl(web, pages=12))
    found = await run(ingestion)
    assert (found["state"], found["counts"]["new"], len(web.pages)) == ("partial", 12, 12)
    assert "12 pages" in found["reason"]


async def test_a_killed_crawl_is_taken_up_again_and_nothing_comes_twice(
    ingestion: Running, web: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crawling, "AT_ONCE", 4)
    stuck = asyncio.Event()

    async def hangs(headers: dict[str, str]) -> Reply:
        stuck.set()
        await asyncio.Event().wait()
        raise AssertionError

    web.routes = {"/": html(text(100), *(f"/{n}" for n in range(20)))}
    web.routes |= {f"/{n}": html(text(n)) for n in range(20)} | {"/13": hangs}
    await declare(ingestion, crawl(web))
    number = await ask(ingestion)
    worker = asyncio.create_task(ingestion.work("fetch"))
    await asyncio.wait_for(stuck.wait(), 20)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    before = len(await ingestion.emitted(DocumentAccepted))
    assert 4 < before < 21
    assert (await report(ingestion, number))["state"] == "running"
    fetched = list(web.pages)
    web.routes["/13"] = html(text(13))
    await lapse(ingestion)
    await ingestion.work("fetch")
    assert (await report(ingestion, number))["state"] == "complete"
    assert set((await texts(ingestion)).values()) == {1}
    assert len(await texts(ingestion)) == 21
    assert len(web.pages) - len(fetched) <= 21 - before
    assert await retired(ingestion) == []


async def test_a_worker_that_lost_its_job_publishes_nothing(ingestion: Running, web: Site) -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def waits(headers: dict[str, str]) -> Reply:
        asked.set()
        await go.wait()
        return html(text(1))

    web.routes = {"/": waits}
    await declare(ingestion, crawl(web))
    number = await ask(ingestion)
    zombie = asyncio.create_task(ingestion.work("fetch"))
    await asyncio.wait_for(asked.wait(), 20)
    await lapse(ingestion)
    web.routes["/"] = html(text(2))
    await ingestion.work("fetch")
    assert (await report(ingestion, number))["state"] == "complete"
    go.set()
    await zombie
    assert set(await texts(ingestion)) == {text(2)}


async def test_a_crawl_keeps_to_the_rate_and_to_the_sites_delay(ingestion: Running, web: Site) -> None:
    at: list[float] = []

    def page(n: int) -> Any:
        def given(headers: dict[str, str]) -> Reply:
            at.append(asyncio.get_running_loop().time())
            return html(text(n), *(f"/{m}" for m in range(4)))

        return given

    web.routes = {"/robots.txt": Reply(b"User-agent: *\nCrawl-delay: 0.2"), "/": page(9)}
    web.routes |= {f"/{n}": page(n) for n in range(4)}
    await declare(ingestion, crawl(web))
    await run(ingestion)
    assert len(at) == 5
    assert min(after - before for before, after in pairwise(at)) > 0.15


async def test_two_replicas_keep_to_one_rate(stack: Endpoints, ingestion: Running, web: Site) -> None:
    at: list[tuple[float, str]] = []

    def page(name: str, *links: str) -> Any:
        def given(headers: dict[str, str]) -> Reply:
            at.append((asyncio.get_running_loop().time(), name[1]))
            return html(f"{text(1)} {name}", *links)

        return given

    web.routes = {f"/{one}{n}": page(f"/{one}{n}") for one in "ab" for n in range(1, 11)}
    web.routes |= {f"/{one}0": page(f"/{one}0", *(f"/{one}{n}" for n in range(1, 11))) for one in "ab"}
    sources = {one: crawl(web, seeds=[f"{web.url}/{one}0"], rate=10)["help"] for one in "ab"}
    another = Network("millrace-test", resolve=named, allowed=here)
    async with running(
        stack, "ingestion", partial(build_app, network=another), dsn=ingestion.service.settings.postgres
    ) as replica:
        for one in (ingestion, replica):
            await declare(one, sources)
        numbers = {one: await ask(ingestion, one) for one in "ab"}
        await asyncio.gather(ingestion.work("fetch"), replica.work("fetch"))
        assert {(await report(replica, number, one))["state"] for one, number in numbers.items()} == {"complete"}
    assert len(at) == 22
    first = {one: next(n for n, (_, name) in enumerate(at) if name == one) for one in "ab"}
    assert max(first.values()) < 6, "they crawled at the same time"
    assert at[-1][0] - at[0][0] > 0.85 * 21 * 0.1, "each alone would have been there in little more than half of that"


async def test_hosts_that_nobody_asked_for_long_are_forgotten(ingestion: Running, web: Site) -> None:
    async with ingestion.db.transaction() as tx:
        await tx.execute("INSERT INTO turns VALUES ('old.test', now() - interval '2 hours'), ('new.test', now())")
    web.routes = {"/": html(text(1))}
    await declare(ingestion, crawl(web))
    await run(ingestion)
    hosts = [row["host"] for row in await _rows(ingestion, "SELECT host FROM turns ORDER BY host")]
    assert hosts == [f"help.test:{web.port}", "new.test"]


async def test_a_crawl_waits_for_our_own_database(
    ingestion: Running, web: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, asked = Turns.wait, []

    async def away(self: Turns, host: str, pause: float) -> None:
        asked.append(host)
        if len(asked) in (3, 4):
            raise Unavailable("Postgres: it goes away")
        await plain(self, host, pause)

    monkeypatch.setattr(Turns, "wait", away)
    web.routes = {"/": html(text(1), "/a", "/b"), "/a": html(text(2)), "/b": html(text(3))}
    await declare(ingestion, crawl(web))
    number = (await run(ingestion))["run"]
    while (await report(ingestion, number))["state"] == "running":
        ingestion.clock.advance(60)
        assert await ingestion.work("fetch")
    assert (await report(ingestion, number))["state"] == "complete"
    assert len(asked) > 4 and set((await texts(ingestion)).values()) == {1}


async def _rows(service: Running, query: str) -> list[Any]:
    async with service.db.reading() as tx:
        return await tx.fetch(query)


async def test_a_site_that_asks_for_more_patience_than_there_is_is_not_read(ingestion: Running, web: Site) -> None:
    web.routes = {"/robots.txt": Reply(b"User-agent: *\nCrawl-delay: 86400"), "/": html(text(1))}
    await declare(ingestion, crawl(web))
    found = await run(ingestion)
    assert codes(found) == {f"{web.url}/": "crawl_delay"}
    assert web.pages == []


async def test_addresses_with_personal_data_are_not_followed(ingestion: Running, web: Site) -> None:
    web.routes = {"/": html(text(1), "/mail?to=joe@example.com"), "/mail?to=joe@example.com": html(text(2))}
    await declare(ingestion, crawl(web))
    await run(ingestion)
    assert web.pages == ["/"]
    assert "joe@" not in repr(await ingestion.snapshot())


async def test_a_long_page_becomes_several_documents(ingestion: Running, web: Site) -> None:
    long = "".join(f"<p>{text(n)}</p>" for n in range(300))
    web.routes = {"/": Reply(f"<html><body><main>{long}</main></body></html>".encode(), headers={"ETag": "1"})}
    await declare(ingestion, crawl(web))
    found = await run(ingestion)
    assert found["counts"]["new"] == 2
    accepted = await ingestion.emitted(DocumentAccepted)
    assert [event.metadata.get("part") for event in accepted] == [None, "2"]
    assert all(len(event.text) <= 20_000 for event in accepted)
    again = await run(ingestion)
    assert (again["state"], again["counts"]["unchanged"]) == ("complete", 2)


async def test_schedules_open_run_after_run_and_follow_the_declaration(ingestion: Running, web: Site) -> None:
    web.routes = {"/": html(text(1))}
    await declare(ingestion, crawl(web, every="1h"))
    assert await ingestion.work("fetch") == 1
    assert web.pages == ["/"]
    ingestion.clock.advance(3500)
    assert await ingestion.work("fetch") == 0
    ingestion.clock.advance(101)
    await ingestion.work("fetch")
    assert web.pages == ["/", "/"]
    await declare(ingestion, crawl(web, every="10m"))
    ingestion.clock.advance(601)
    await ingestion.work("fetch")
    assert web.pages == ["/"] * 3
    await declare(ingestion, {})
    ingestion.clock.advance(86400)
    await ingestion.work("fetch")
    assert web.pages == ["/"] * 3
    await declare(ingestion, crawl(web, every="10m"), retired=["help"])
    await ingestion.work("fetch")
    assert web.pages == ["/"] * 3
    await declare(ingestion, crawl(web, every="10m"))
    await ingestion.work("fetch")
    assert web.pages == ["/"] * 4
