"""A person is forgotten by one command: nothing that stays names them or says what they said."""

import asyncio
import io

import asyncpg
import pyarrow.parquet
import pytest
from story import NAME, PERSON, WORDS, WRITTEN, Story
from whole import Whole, until

from millrace.chassis import Blobs
from millrace.ingestion.erasures import OWNERS
from millrace.ingestion.settings import Settings

pytestmark = pytest.mark.timeout(600)
KNOWS = {"ingestion.erasures", "dedup.tombstones", "erased", "inbox"}
"""Tables that may name the person, by pseudonym: who asked, and what is not to be taken in again."""


def test_what_a_person_wrote_asked_and_said_is_gone_everywhere(story: Story) -> None:
    whole = story.whole
    asked = {"text": f"Where is the box? {WORDS}", "unit": PERSON, "request_id": "hatbox"}
    assert whole.post("serving", f"/v1/workspaces/{NAME}/predict", asked).status_code == 200
    word = {"workspace": NAME, "kind": "rating", "value": -1.0, "source": "customer", "actor": PERSON}
    assert whole.post("feedback", "/v1/feedback", {**word, "request_id": "hatbox"}).status_code == 202
    until(lambda: "feedback.predictions" in rows_with(whole, WORDS))
    write_at_length(whole)
    until(lambda: {"bodies/document.accepted.v1", "bodies/document.kept.v1"} <= blobs_with(whole, WORDS))
    assert f"{NAME}/datasets" in blobs_with(whole, WORDS)
    done = whole.millrace("erase", NAME, "--subject", PERSON, "--by", "ada", "--within", "120", "--json")
    report = done.json
    assert (done.code, report["done"], [one["service"] for one in report["owners"]]) == (0, True, list(OWNERS))
    erased = {one["service"]: one["erased"] for one in report["owners"]}
    assert erased["datasets"]["rows"] >= WRITTEN
    assert erased["feedback"] == {"predictions": 1, "feedback": 1}
    assert erased["ingestion"]["bodies"] == erased["dedup"]["bodies"] == 1
    assert set(report["versions"]) == {f"{NAME}-1", f"{NAME}-2"}
    assert report["datasets"]
    assert rows_with(whole, WORDS) == []
    assert {table for table in rows_with(whole, report["subject"]) if not {table, table.split(".")[1]} & KNOWS} == set()
    assert blobs_with(whole, WORDS) == set()
    shown = whole.millrace("erasures", NAME, report["erasure"])
    assert (shown.code, "story-1" in shown.out) == (0, True)


def write_at_length(whole: Whole) -> None:
    """More than a record of a topic holds."""
    notes = {f"note {number}": f"Drawer {number}. {WORDS} " * 60 for number in range(40)}
    document = {"workspace": NAME, "source": "crm", "subject": PERSON, "text": f"All I ordered: {WORDS}"}
    about = {"specversion": "1.0", "id": "at-length", "source": "crm", "type": "document.submitted.v1"}
    body = {**about, "data": {**document, "metadata": notes}}
    headers = {"content-type": "application/cloudevents+json"}
    assert whole.post("ingestion", "/v1/events", body, **headers).json()["accepted"] == 1


def rows_with(whole: Whole, text: str) -> list[str]:
    """The tables of all services in which a row holds a text, inbox and outbox among them."""

    async def search() -> list[str]:
        found = []
        connection = await asyncpg.connect(whole.running.endpoints.postgres)
        try:
            tables = await connection.fetch(
                """SELECT schemaname AS schema, tablename AS name FROM pg_tables
                   WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"""
            )
            for schema, name in tables:
                query = f'SELECT EXISTS (SELECT FROM "{schema}"."{name}" t WHERE position($1 in t::text) > 0)'
                if await connection.fetchval(query, text):
                    found.append(f"{schema}.{name}")
        finally:
            await connection.close()
        return found

    return asyncio.run(search())


def blobs_with(whole: Whole, text: str) -> set[str]:
    """Where in the bucket a blob holds a text: the first two parts of its name."""
    s3 = whole.running.endpoints.s3
    blobs = Blobs(
        Settings(
            kafka="none:0",
            postgres="postgresql://none",
            s3_url=s3.url,
            s3_access_key=s3.access_key,
            s3_secret_key=s3.secret_key,
            secret="none",
        )
    )

    async def search() -> set[str]:
        return {
            "/".join(name.split("/")[:2]) async for name in blobs.each("") if text in said(name, await blobs.get(name))
        }

    return asyncio.run(search())


def said(name: str, data: bytes) -> str:
    if name.endswith(".parquet"):
        return str(pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist())
    return data.decode(errors="replace")
