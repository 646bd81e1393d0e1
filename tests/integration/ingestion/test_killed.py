"""A crawl whose process is killed, and that another process takes up."""

from collections import Counter
from pathlib import Path

import asyncpg
from harness import Bus, database, eventually, make
from processes import process
from sources_run import SPEC
from web_sites import LOREM, html, site

from millrace.events import DocumentAccepted, WorkspaceConfigured
from millrace.ingestion.sources.crawl import AT_ONCE
from millrace.stack import Endpoints
from millrace.workspace import Workspace

PAGES = 80


async def test_a_crawl_whose_process_is_killed_is_taken_up_by_another(
    stack: Endpoints, bus: Bus, tmp_path: Path
) -> None:
    async with site() as web, database(stack, "ingestion") as dsn:
        links = [f"/{n}" for n in range(PAGES)]
        web.routes = {"/": html(LOREM.format(n=1000), *links)}
        web.routes |= {link: html(LOREM.format(n=n)) for n, link in enumerate(links)}
        crawl = {"kind": "crawl", "seeds": [f"{web.url}/"], "rate": 12, "sitemap": False, "private": True}
        spec = Workspace.model_validate({**SPEC, "sources": {"help": {**crawl, "every": "1d"}}})
        await bus.publish(make(WorkspaceConfigured, revision=1, spec=spec.plain(), digest=spec.digest(), by="ada"))
        log = tmp_path / "log"
        async with process(stack, "ingestion", dsn, log, {}) as first:
            await eventually(lambda: _committed(dsn) if len(web.pages) > PAGES // 2 else None, within=60)
            first.process.kill()
            await first.process.wait()
        fetched = Counter(web.pages)
        assert len(fetched) < PAGES
        async with process(stack, "ingestion", dsn, log, {}):
            await bus.read(DocumentAccepted, until=lambda found: len({one.text for one in found}) > PAGES, within=90)
            await eventually(lambda: _complete(dsn), within=60)
        accepted = await bus.read(DocumentAccepted, until=lambda found: len(found) > PAGES)
        assert len({event.id for event in accepted}) == len({event.text for event in accepted}) == PAGES + 1
        assert await _ask(dsn, "SELECT (counts->>'new')::int FROM ingestion.runs WHERE run = 1") == PAGES + 1
        assert await _ask(dsn, "SELECT count(*) FROM ingestion.found WHERE gone") == 0
        again = len(web.pages) - len(set(web.pages))
        assert again <= AT_ONCE, "only what was fetched since the last commit is fetched again"


async def _committed(dsn: str) -> bool:
    return bool(await _ask(dsn, "SELECT count(*) FROM ingestion.found"))


async def _complete(dsn: str) -> bool:
    return bool(await _ask(dsn, "SELECT count(*) FROM ingestion.runs WHERE state = 'complete'"))


async def _ask(dsn: str, query: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        return int(await connection.fetchval(query))
    finally:
        await connection.close()
