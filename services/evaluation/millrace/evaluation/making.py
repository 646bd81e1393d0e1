"""Suites of the team's as files to be scored: from the rows that were brought, or made from held-out rows."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pyarrow
import pyarrow.parquet

from millrace.chassis import Blobs, Transaction
from millrace.evaluation.blobs import COLUMNS, Rows, fetch
from millrace.evaluation.domain import outcomes
from millrace.evaluation.domain.attacks import AFTER, ATTACKS, BEFORE, PLAIN, attacked, chosen
from millrace.evaluation.domain.extremes import extremes
from millrace.evaluation.domain.outcomes import MARK, Limits
from millrace.evaluation.domain.rewrites import rewrite
from millrace.evaluation.domain.suites import About, Row
from millrace.evaluation.store import suites
from millrace.evaluation.store.suites import Version
from millrace.workspace import Suite, Workspace
from millrace.workspace.suites import KINDS

MOST = 400
"""Rows, or groups, that a suite is made from: enough to prove a margin of 0.01."""
LANGUAGE = "en"
"""What rewrites are written for."""


class Held(NamedTuple):
    """A row of a suite that others are made from."""

    id: str
    text: str
    label: str
    cluster: str
    language: str = ""


@dataclass(frozen=True)
class Wanted:
    """A suite that the workspace's file declares, or that a team brought, or both."""

    name: str
    suite: Suite
    owner: str
    version: Version | None
    rows: Sequence[Row] = ()

    @property
    def kind(self) -> str:
        return self.suite.kind

    @property
    def made_of(self) -> str | None:
        """The suite whose rows it needs: orders that a team brings are given in those too."""
        needs = "of" in KINDS[self.kind].options and (self.version is None or self.kind == "injection")
        return self.suite.of if needs else None


async def wanted(tx: Transaction, workspace: str, spec: Workspace) -> list[Wanted]:
    """Every suite but sizes. Rows that were brought as another kind than the file declares since are not used."""
    brought = await suites.newest(tx, workspace)
    found = []
    for name in sorted(spec.suites.keys() | brought.keys()):
        version = brought.get(name)
        suite = spec.suites.get(name) or (Suite(kind=version.kind) if version else None)
        if suite is None or not KINDS[suite.kind].brings or suite.kind not in spec.meaning.suite_kinds:
            continue
        version = version if version and version.kind == suite.kind else None
        rows = await suites.rows(tx, version) if version else []
        owner = version.owner if version else suite.owner or spec.owner
        found.append(Wanted(name, suite, owner, version, rows))
    return found


async def make(
    every: Sequence[Wanted], held: Sequence[Rows], training: str, labels: Sequence[str], blobs: Blobs, folder: Path
) -> list[Rows]:
    """Those of the suites that have rows, as files. `labels` are what may be answered, `held` the suites of the cut."""
    sources = {rows.suite: rows for rows in held if rows.perturb is None}
    needed = {one.made_of for one in every if one.made_of in sources}
    tables = {name: await _held(sources[name], blobs, folder) for name in sorted(filter(None, needed))}
    learnt = await _learnt(training, blobs, folder) if any(_could_be_learnt(one) for one in every) else frozenset()
    made = []
    for one in every:
        source = sources.get(one.made_of) if one.made_of else None
        left_out: Counter[str] = Counter()
        rows = list(_rows(one, tables.get(one.made_of or "", []), learnt, labels, left_out))
        if rows:
            made.append(await asyncio.to_thread(_written, one, rows, source, left_out, folder))
    return made


def _could_be_learnt(one: Wanted) -> bool:
    return one.version is not None and "label" in KINDS[one.kind].needs


def _rows(
    one: Wanted, held: Sequence[Held], learnt: frozenset[str], labels: Sequence[str], left_out: Counter[str]
) -> Iterator[Held]:
    match one.kind:
        case "extremes" if one.version is None:
            yield from (Held(id, text, "", id) for id, text in extremes().items())
        case "extremes":
            yield from (Held(row.id, row.text, "", row.group or row.id) for row in one.rows)
        case "injection":
            orders = {row.id: row.text for row in one.rows} if one.version else ATTACKS
            yield from _injected(_some(held), orders, labels)
        case "consistency" if one.version is None:
            yield from _groups(held)
        case "paraphrase" if one.version is None:
            yield from _rewritten(held, left_out)
        case _:
            for row in one.rows:
                if row.label is not None and _folded(row.text) in learnt:
                    left_out["a training row has the text"] += 1
                    continue
                yield Held(row.id, row.text, row.label or "", row.group or row.id)


def _rewritten(held: Sequence[Held], left_out: Counter[str]) -> Iterator[Held]:
    for row in _some(held):
        said = rewrite(row.text) if row.language in ("", LANGUAGE) else None
        if said is None:
            left_out["no rewrite is known for such a text"] += 1
        else:
            yield row._replace(text=said)


def _groups(held: Sequence[Held]) -> Iterator[Held]:
    """Rows that dedup found to say the same; those of one cluster whose labels differ are no such group."""
    clusters: dict[str, list[Held]] = {}
    for row in held:
        clusters.setdefault(row.cluster, []).append(row)
    same = [rows for rows in clusters.values() if len(rows) > 1 and len({row.label for row in rows}) == 1]
    for rows in sorted(same, key=lambda rows: _place(rows[0].cluster))[:MOST]:
        yield from rows


def _injected(held: Sequence[Held], orders: Mapping[str, str], labels: Sequence[str]) -> Iterator[Held]:
    """Each row as it is, and with an order before it and one after it; its label is then what that one says."""
    names = sorted(orders)
    for row in held:
        others = sorted(set(labels) - {row.label})
        if not others:
            continue
        yield row._replace(id=f"{row.id}{MARK}{PLAIN}")
        for place in (BEFORE, AFTER):
            order, label = chosen(f"{place} {row.id}", names), chosen(row.id, others)
            text = attacked(row.text, orders[order], place, label)
            yield row._replace(id=f"{row.id}{MARK}{order}.{place}", text=text, label=label)


def _some(held: Sequence[Held]) -> list[Held]:
    """The same rows of a suite each time, whatever order they come in."""
    return sorted(held, key=lambda row: _place(row.id))[:MOST]


def _place(name: str) -> str:
    return sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _written(one: Wanted, rows: Sequence[Held], source: Rows | None, left_out: Counter[str], folder: Path) -> Rows:
    table = {name: [getattr(row, name) for row in rows] for name in COLUMNS}
    digest = sha256(json.dumps([one.kind, table], sort_keys=True).encode()).hexdigest()
    path = folder / f"made-{one.name}.parquet"
    pyarrow.parquet.write_table(
        pyarrow.table({name: pyarrow.array(v, pyarrow.string()) for name, v in table.items()}), path
    )
    limits = Limits(one.suite.confidence, one.suite.within.total_seconds() * 1000)
    about = About(
        one.kind,
        one.owner,
        one.version.version if one.version else None,
        source.suite if source else None,
        tuple(sorted(left_out.items())),
        limits,
    )
    held = None
    if source is not None:
        held = source.blob if isinstance(source.blob, str) else source.held
    return Rows(one.name, path, f"sha256:{digest}", held=held, about=about)


async def _held(rows: Rows, blobs: Blobs, folder: Path) -> list[Held]:
    path = (await fetch(blobs, [rows], folder))[rows.blob]
    table = await asyncio.to_thread(pyarrow.parquet.read_table, path)
    columns = {name: table.column(name).to_pylist() for name in (*COLUMNS, "language") if name in table.column_names}
    spoken = columns.get("language") or [None] * len(table)
    each = zip(*(columns[name] for name in COLUMNS), spoken, strict=True)
    return [Held(id, text, label, cluster, language or "") for id, text, label, cluster, language in each]


async def _learnt(training: str, blobs: Blobs, folder: Path) -> frozenset[str]:
    """What trained, letters' case and spaces apart."""
    path = folder / "learnt.parquet"
    await blobs.get_file(training, path)
    table = await asyncio.to_thread(pyarrow.parquet.read_table, path, columns=["text"])
    return frozenset(_folded(text) for text in table.column("text").to_pylist())


def alone(rows: Rows) -> bool:
    """Whether each text is scored by itself, and may fail by itself."""
    return rows.kind == "extremes"


def judged_by_outcomes(rows: Rows) -> bool:
    return rows.kind in outcomes.ASKED
