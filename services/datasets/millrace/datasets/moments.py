"""A version of moments: the table of features as it is known now, and what was said of answers, split by time."""

import asyncio
import json
import math
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from millrace.chassis import Blobs, Database
from millrace.datasets import blobs as files
from millrace.datasets import store
from millrace.datasets.corpus import pages
from millrace.datasets.domain import File, Rule, Stretches, Tally, Traits, cluster, dice
from millrace.datasets.domain.moments import NO_ROWS
from millrace.datasets.holding import Holding
from millrace.datasets.tabulating import Tabled
from millrace.events import ObservationAccepted
from millrace.features import FeatureRefused, Plan, Vector, checked, written
from millrace.workspace import Target, Workspace

PAGE = 1000
OBSERVED = "observations"
"""The source of rows that were observed: each may be of several."""

NO_FEATURES = "what was asked has not the features that are declared"
NO_TRUTH = "what was said is no finite number"


@dataclass(frozen=True, slots=True)
class Moment:
    """A row to be: when it was, of when its truth is, and whether it may judge."""

    at: datetime
    of: datetime
    judges: bool
    row: Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """All that a version may be made of, gone through as often as needed."""

    spec: Workspace
    target: Target
    plan: Plan
    table: Tabled
    corpus: store.Plan
    db: Database
    blobs: Blobs
    folder: Path

    async def pages(self, left_out: Counter[str]) -> AsyncIterator[list[Moment]]:
        """What was observed by entity and time, then what was said of answers; it counts what can be no row."""
        observed = self._observed()
        while page := await asyncio.to_thread(next, observed, list[Moment]()):
            yield page
        async for rows in pages(self.db, self.blobs, self.spec.workspace, self.corpus, self.folder):
            found = []
            for traits, row in rows:
                why = self._refusal(traits, row)
                moment = None if why else self._said(traits, row)
                if moment:
                    found.append(moment)
                else:
                    left_out[why or NO_FEATURES] += 1
            yield found

    def _observed(self) -> Iterator[list[Moment]]:
        names = [one.name for one in self.plan.definitions]
        with pq.ParquetFile(self.table.path) as table:
            for batch in table.iter_batches(PAGE):
                yield [self._moment(told, {name: told[name] for name in names}) for told in batch.to_pylist()]

    def _moment(self, told: Mapping[str, Any], vector: Vector) -> Moment:
        entity, at = told["entity"], told["at"]
        row = {
            "id": f"{entity}@{at.isoformat()}",
            "text": written(vector),
            "label": told["target"] if isinstance(told["target"], str) else repr(told["target"]),
            "cluster": cluster(entity, at, self.target.horizon),
            "source": OBSERVED,
            "trusted": True,
            "occurred_at": at,
            "known_at": told["target_known_at"],
            "origin_topic": ObservationAccepted.topic,
            "origin_event": entity,
        }
        return Moment(at, told["target_at"], True, row)

    def _refusal(self, traits: Traits, row: Mapping[str, Any]) -> str:
        if row["feedback_id"] is None or traits.label is None:
            return "no outcome of an answer"
        if traits.aside:
            return "rolled back"
        if traits.source in self.spec.data.retired:
            return "retired"
        if "train" not in self.spec.purposes_of(traits.source):
            return "its source may not train"
        if self.target.kind == "regression" and not _is_finite(traits.label):
            return NO_TRUTH
        return ""

    def _said(self, traits: Traits, row: Mapping[str, Any]) -> Moment | None:
        """What was said of an answer: the features are those that it was asked with."""
        try:
            vector = checked(self.plan, json.loads(row["text"]))
        except (ValueError, AttributeError, FeatureRefused):
            return None
        at, known = row["occurred_at"], {**row, "id": row["document_id"], "text": written(vector)}
        return Moment(at, at + self.target.horizon, traits.judges, known)


def _is_finite(label: str) -> bool:
    try:
        return math.isfinite(float(label))
    except ValueError:
        return False


@dataclass(slots=True)
class Weighed:
    """What there is: the splits' times where there are rows since the change, and how many those are."""

    stretches: Stretches | None
    recent: int


async def weigh(source: Source, rule: Rule) -> Weighed:
    recent = [
        moment.at
        async for page in source.pages(Counter())
        for moment in page
        if rule.window == "all" or rule.since(moment.at)
    ]
    return Weighed(Stretches.of(recent) if recent else None, len(recent))


async def write(
    source: Source, rule: Rule, stretches: Stretches, tally: Tally, holding: Holding
) -> tuple[dict[str, File], list[str]]:
    """One file for training and one for each suite, and the labels that training rows have, sorted; none of numbers."""
    labels = None if source.target.kind == "regression" else await _labels(source, rule, stretches)
    writers = {
        name: files.Writer(source.folder / f"{name}.parquet", files.VERSION) for name in ("training", "fresh", "golden")
    }
    left_out = Counter(source.table.left_out)
    async for page in source.pages(left_out):
        chosen: dict[str, list[dict[str, Any]]] = {name: [] for name in writers}
        for moment in page:
            split, why = _place(moment, rule, stretches)
            if split and labels is not None and moment.row["label"] not in labels:
                split, why = None, "its label is in no training row"
            if split is None:
                tally.leave(why, None)
                continue
            placed = {**_BLANK, **moment.row, "split": split, "weight": 1.0 + moment.row.get("echoes", 0)}
            tally.take(placed)
            chosen["training" if split in ("train", "validation") else split].append(placed)
        for name, rows in chosen.items():
            await writers[name].write(rows)
    tally.left_out.update(left_out)
    kept = {}
    for name, writer in writers.items():
        await writer.close()
        blob, _, size = await files.keep(source.blobs, f"{source.spec.workspace}/datasets/files", writer.path, holding)
        kept[name] = File(blob, f"sha256:{writer.digest}", writer.rows, size)
    return kept, sorted(labels or ())


_BLANK = dict.fromkeys(files.VERSION.names)


async def _labels(source: Source, rule: Rule, stretches: Stretches) -> set[str]:
    return {
        moment.row["label"]
        async for page in source.pages(Counter())
        for moment in page
        if _place(moment, rule, stretches)[0] == "train"
    }


def _place(moment: Moment, rule: Rule, stretches: Stretches) -> tuple[str | None, str]:
    if rule.window != "all" and not rule.since(moment.at):
        replayed = dice(moment.row["id"]) < rule.replay
        return ("train", "") if replayed and moment.of < stretches.validation else (None, NO_ROWS)
    split, why = stretches.place(moment.at, moment.of)
    if split not in (None, "train") and not moment.judges:
        return None, "may train only, and its time is held out"
    return split, why
