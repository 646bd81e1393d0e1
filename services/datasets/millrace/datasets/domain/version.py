"""What makes a version: the digest of its rows, and the manifest."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from millrace.datasets.domain.rule import SPLITS

FORMAT = 1


@dataclass(frozen=True, slots=True)
class File:
    """A Parquet file of a version. `digest` is equal for equal rows, whatever library wrote the bytes."""

    blob: str
    digest: str
    rows: int
    bytes: int

    def plain(self) -> dict[str, Any]:
        return {"rows": self.blob, "digest": self.digest, "count": self.rows, "bytes": self.bytes}


@dataclass(slots=True)
class Tally:
    """What went into a version, counted while the rows stream by: by label, or numbers all as one name."""

    labels: dict[str, Counter[str]] = field(default_factory=lambda: {split: Counter() for split in SPLITS})
    hashes: dict[str, Any] = field(default_factory=lambda: {split: hashlib.sha256() for split in SPLITS})
    sources: Counter[str] = field(default_factory=Counter)
    offsets: defaultdict[str, dict[str, list[int]]] = field(default_factory=lambda: defaultdict(dict))
    left_out: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    untrusted: int = 0
    counted_as: str | None = None

    def take(self, row: Mapping[str, Any]) -> None:
        split = row["split"]
        self.labels[split][self.counted_as or row["label"]] += 1
        self.hashes[split].update(line(row))
        self.sources[row["source"]] += 1
        self.untrusted += split in ("train", "validation") and not row["trusted"]
        if row["origin_partition"] is not None and row["origin_offset"] is not None:
            self._stretch(row["origin_topic"], str(row["origin_partition"]), row["origin_offset"])

    def leave(self, reason: str, label: str | None) -> None:
        self.left_out[reason] += 1
        if reason == "quarantined" and label is not None:
            self.quarantined[label] += 1

    def rows(self) -> dict[str, int]:
        return {split: labels.total() for split, labels in self.labels.items()}

    def content(self, workspace: str, labels: Sequence[str]) -> dict[str, Any]:
        splits = {
            split: {
                "rows": counts.total(),
                "sha256": self.hashes[split].hexdigest(),
                "labels": dict(sorted(counts.items())),
            }
            for split, counts in self.labels.items()
        }
        counted = {"counted_as": self.counted_as} if self.counted_as else {}
        return {"format": FORMAT, "workspace": workspace, "labels": list(labels), "splits": splits, **counted}

    def _stretch(self, topic: str, partition: str, offset: int) -> None:
        first, last = self.offsets[topic].get(partition, [offset, offset])
        self.offsets[topic][partition] = [min(first, offset), max(last, offset)]


Gone = Counter[tuple[str, str]]
"""Rows that went, by split and label."""
SUITES = ("fresh", "golden")


def encoded(body: Mapping[str, Any]) -> bytes:
    """A manifest as its blob holds it."""
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)


def parts(body: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The files of a version by name: `training`, `fresh`, `golden`."""
    return {"training": body["training"], **{name: body["suites"][name] for name in SUITES if name in body["suites"]}}


def redacted(
    body: Mapping[str, Any], rewritten: Mapping[str, Mapping[str, Any]], gone: Gone, sources: Counter[str]
) -> dict[str, Any]:
    """A manifest whose files are others, without erased rows. Digest and content tell what once was.

    The digest names the version still, but no longer can be made from its rows.
    """
    suites = {name: {**suite, **rewritten.get(name, {})} for name, suite in body["suites"].items()}
    rows = body.get("redacted", {}).get("rows", 0) + gone.total()
    lost = _lost(body)
    counted_as = body["content"].get("counted_as")
    for (split, label), rows_gone in gone.items():
        lost[split, counted_as or label] += rows_gone
    return {
        **body,
        "training": {**body["training"], **rewritten.get("training", {})},
        "suites": suites,
        "documents": body["documents"] - gone.total(),
        "sources": dict(Counter(body["sources"]) - sources),
        "redacted": {"rows": rows, "reproducible": False, "lost": _by_split(lost)},
    }


def left(body: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """The rows of a version by split and label, as they are: its content tells how they once were."""
    lost = _lost(body)
    return {
        split: {label: n - lost[split, label] for label, n in one["labels"].items()}
        for split, one in body["content"]["splits"].items()
    }


def _lost(body: Mapping[str, Any]) -> Gone:
    by_split = body.get("redacted", {}).get("lost", {})
    return Counter({(split, label): n for split, labels in by_split.items() for label, n in labels.items()})


def _by_split(lost: Gone) -> dict[str, dict[str, int]]:
    splits = sorted({split for split, _ in lost})
    return {split: {label: n for (of, label), n in sorted(lost.items()) if of == split} for split in splits}


LEARNED = ("id", "text", "label", "split", "cluster", "weight", "suite", "source", "trusted", "basis")
COMPARED = ("rejected", "rating")
"""Told of the rows that have one of them."""


def line(row: Mapping[str, Any]) -> bytes:
    """A row's canonical form: what learning and judging can see of it."""
    compared = [row.get(name) for name in COMPARED]
    told = compared if any(one is not None for one in compared) else []
    return orjson.dumps([*(row[name] for name in LEARNED), *told]) + b"\n"


def digest_of(content: Mapping[str, Any]) -> str:
    """`sha256:` over canonical JSON (sorted keys, no spaces)."""
    return "sha256:" + hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def manifest(
    workspace: str, labels: Sequence[str], tally: Tally, files: Mapping[str, File], lineage: Mapping[str, Any]
) -> dict[str, Any]:
    content = tally.content(workspace, labels)
    return {
        "digest": digest_of(content),
        "content": content,
        "labels": list(labels),
        "training": {**files["training"].plain(), "untrusted": tally.untrusted},
        "suites": {name: files[name].plain() for name in ("fresh", "golden")},
        "documents": sum(tally.rows().values()),
        "sources": dict(sorted(tally.sources.items())),
        "offsets": {topic: dict(sorted(places.items())) for topic, places in sorted(tally.offsets.items())},
        "lineage": {
            **lineage,
            "left_out": dict(sorted(tally.left_out.items())),
            "quarantined": dict(sorted(tally.quarantined.items())),
        },
    }
