"""The texts of rows that a report names, by suite and id, as far as they are still kept: looked up when it is read."""

import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from millrace.chassis import Blobs, Database
from millrace.evaluation.blobs import texts_of
from millrace.evaluation.domain.attacks import ATTACKS, attacked
from millrace.evaluation.domain.extremes import extremes
from millrace.evaluation.domain.outcomes import MARK
from millrace.evaluation.domain.rewrites import rewrite
from millrace.evaluation.store import arrivals, suites

Texts = Mapping[str, Mapping[str, str]]
Suite = Mapping[str, Any]


async def texts_named(db: Database, blobs: Blobs, found: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Of an evaluation that has a report. Raises Unavailable."""
    with tempfile.TemporaryDirectory(prefix="millrace-report-") as folder:
        reader = _Reader(db, blobs, found["workspace"], Path(folder))
        return {name: await reader.read(name, suite) for name, suite in found["result"]["suites"].items()}


def _named(suite: Suite) -> list[str]:
    kinds = (suite.get("flips") or {}).values()
    ids = [row["id"] for kind in kinds for row in kind["rows"]]
    ids += [row["id"] for part in ("errors", "words") for row in (suite.get(part) or {}).get("worst", ())]
    failed = (suite.get("failed") or {}).get("rows", ())
    return [*ids, *(one["id"] for row in failed for one in row["rows"])]


@dataclass(frozen=True)
class _Reader:
    db: Database
    blobs: Blobs
    workspace: str
    folder: Path

    async def read(self, name: str, suite: Suite) -> dict[str, str]:
        ids = _named(suite)
        match suite.get("kind"):
            case "injection":
                return await self._injected(name, suite, ids)
            case "extremes" if not suite["version"]:
                return {id: extremes()[id] for id in ids if id in extremes()}
            case "paraphrase" if not suite["version"]:
                held = await self._held(suite, ids)
                return {id: rewrite(text) or text for id, text in held.items()}
            case _ if suite.get("version"):
                return await self._brought(name, suite, ids)
            case _:
                return await self._held(suite, ids)

    async def _injected(self, name: str, suite: Suite, ids: Collection[str]) -> dict[str, str]:
        """An order is put into a text as it was when the version was asked; `aim` is what it told it to answer."""
        aims = {row["id"]: row["aim"] for row in suite["failed"]["rows"]}
        told = {id: id.rpartition(MARK) for id in aims}
        plain = await self._held(suite, [of for of, _, _ in told.values()])
        names = {how.rpartition(".")[0] for _, _, how in told.values()}
        orders = await self._brought(name, suite, names) if suite["version"] else ATTACKS
        for id, (of, _, how) in told.items():
            order, _, place = how.rpartition(".")
            if of in plain and order in orders:
                plain[id] = attacked(plain[of], orders[order], place, aims[id])
        return {id: plain[id] for id in ids if id in plain}

    async def _brought(self, name: str, suite: Suite, ids: Collection[str]) -> dict[str, str]:
        async with self.db.reading() as tx:
            return await suites.texts(tx, self.workspace, name, suite["version"], ids)

    async def _held(self, suite: Suite, ids: Collection[str]) -> dict[str, str]:
        """Held-out rows: of the suite's file, and labels that came after the cut."""
        told: dict[str, str] = {}
        if not ids:
            return told
        if suite["blob"]:
            path = self.folder / f"{len(list(self.folder.iterdir()))}.parquet"
            told |= await texts_of(self.blobs, suite["blob"], ids, path)
        missing = [id for id in ids if id not in told]
        if missing and (suite["since_the_cut"] or not suite["blob"]):
            async with self.db.reading() as tx:
                told |= await arrivals.texts(tx, self.workspace, missing)
        return told
