"""Suites that teams bring: rows in, versions out."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from millrace.chassis import Clock, Database, Unprocessable, erasure
from millrace.chassis.erasure import About
from millrace.chassis.masking import policy_of
from millrace.chassis.people import People
from millrace.chassis.signing import By, Signed
from millrace.evaluation.domain.suites import Brought, Fault, Row, digest_of, faults, kept, refused
from millrace.evaluation.metrics import SUITES
from millrace.evaluation.store import specs, suites
from millrace.evaluation.store.suites import Version
from millrace.privacy import derived_key, mask, pseudonymous
from millrace.workspace import Workspace
from millrace.workspace.spec.suites import SuiteName
from millrace.workspace.suites import KINDS

MOST = 20_000
TOLD = 20
"""Wrong rows that one answer names."""


class SuiteRefused(Unprocessable):
    """Rows that can't judge, or a name or kind that they can't have."""

    def __init__(self, suite: str, found: Sequence[Fault]) -> None:
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        super().__init__(f"{found[0].field}: expected {found[0].expected}{more}")
        self.suite = suite
        self.problems = [asdict(one) for one in found[:TOLD]]


class GivenRow(BaseModel):
    """`label` is the right answer; rows of one `group` mean the same; `subject` is whose words they are."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(max_length=200_000)
    label: str | None = Field(default=None, min_length=1, max_length=100)
    group: str | None = Field(default=None, min_length=1, max_length=200)
    id: str | None = Field(default=None, min_length=1, max_length=200)
    subject: str | None = Field(default=None, min_length=1, max_length=200)


class GivenSuite(Signed):
    kind: str
    owner: str = Field(min_length=1, max_length=100)
    rows: list[GivenRow] = Field(min_length=1, max_length=MOST)


def router(db: Database, clock: Clock, people: People, secret: str) -> APIRouter:
    router = APIRouter(prefix="/v1/workspaces/{name}/suites")

    @router.get("")
    async def each(name: str) -> list[dict[str, Any]]:
        """What the workspace file declares and what teams brought, by name; made ones have no version of their own."""
        async with db.reading() as tx:
            spec = await specs.latest(tx, name)
            return _listed(spec, await suites.newest(tx, name))

    @router.post("/{suite}", status_code=201)
    async def bring(name: str, suite: SuiteName, given: GivenSuite, request: Request) -> dict[str, Any]:
        """All rows of the suite: its next version, which judges from now on. The same again is the same version."""
        by = people.who(request, given.by)
        now = clock.now()
        async with db.reading() as tx:
            spec = await specs.latest(tx, name)
        rows, masked = await asyncio.to_thread(_read, suite, given, spec, secret)
        async with db.transaction() as tx:
            rows = await erasure.standing(tx, rows, lambda row: About(name, row.subject, now))
            digest = digest_of(given.kind, rows)
            fresh = Version(name, suite, 0, given.kind, given.owner, digest, len(rows), by, now)
            version = await suites.append(tx, fresh, rows)
            if version.added_at == now:
                tx.after_commit.append(SUITES.labels(version.kind).inc)
        return {**_told(version), "masked": masked}

    @router.get("/{suite}")
    async def show(
        name: str,
        suite: str,
        version: Annotated[int | None, Query(ge=1)] = None,
        limit: Annotated[int, Query(ge=0, le=1000)] = 20,
    ) -> dict[str, Any]:
        """Its versions, the newest first, and rows of one as far as they are still kept."""
        async with db.reading() as tx:
            await specs.known(tx, name)
            found = await suites.versions(tx, name, suite)
            shown = next((one for one in found if version in (None, one.version)), None)
            if shown is None:
                raise suites.SuiteUnknown(name, suite, version)
            rows = await suites.rows(tx, shown, limit)
        told = [{key: value for key, value in asdict(row).items() if key != "subject"} for row in rows]
        return {**_told(shown), "versions": [_told(one) for one in found], "shown": told}

    @router.delete("/{suite}")
    async def retire(name: str, suite: str, by: By, request: Request) -> dict[str, Any]:
        """It judges no more, and its rows are gone; what its versions were stays."""
        who = people.who(request, by)
        async with db.transaction() as tx:
            return _told(await suites.retire(tx, name, suite, who))

    return router


def _read(suite: str, given: GivenSuite, spec: Workspace, secret: str) -> tuple[list[Row], int]:
    """Rows as they are kept, and how many had something to mask. Raises SuiteRefused."""
    if wrong := refused(suite, given.kind, spec):
        raise SuiteRefused(suite, [wrong])
    brought = [Brought(**row.model_dump()) for row in given.rows]
    labels = spec.labels.names if spec.labels else ()
    if found := list(faults(brought, given.kind, labels)):
        raise SuiteRefused(suite, found)
    policy, key = policy_of(spec, secret), derived_key(secret, spec.workspace)

    def clean(text: str) -> tuple[str, int]:
        told = mask(text, policy)
        return told.text, sum(told.counts.values())

    rows, masked = kept(brought, clean, lambda subject: pseudonymous(subject, key))
    personal = [at for at, number in enumerate(masked) if number]
    if personal and spec.data.pii == "reject":
        expected = "text without personal data, which data.pii of the workspace rejects"
        raise SuiteRefused(suite, [Fault(f"rows.{at}.text", expected) for at in personal])
    return rows, len(personal)


def _listed(spec: Workspace, brought: dict[str, Version]) -> list[dict[str, Any]]:
    found = []
    for name in sorted(spec.suites.keys() | brought.keys()):
        declared, version = spec.suites.get(name), brought.get(name)
        kind = declared.kind if declared else version.kind if version else ""
        if version is not None and version.kind != kind:
            version = None  # declared as another kind since: those rows judge nothing
        owner = version.owner if version else (declared.owner if declared else None) or spec.owner
        made_of = declared.of if declared and version is None and "of" in KINDS[kind].options else None
        versioned = {key: getattr(version, key, None) for key in ("version", "digest", "rows", "added_at", "by")}
        told = {"name": name, "kind": kind, "owner": owner, "declared": declared is not None, "made_of": made_of}
        found.append({**told, **versioned, "asks": KINDS[kind].asks})
    return found


def _told(version: Version) -> dict[str, Any]:
    found = asdict(version)
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in found.items()}
