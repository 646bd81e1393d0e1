"""The figures at the top of the page, those that are known."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from millrace.console.domain.lines import smooth
from millrace.console.domain.nodes import answers, compact
from millrace.console.domain.words import moment, percent, short
from millrace.pages.words import counted


@dataclass(frozen=True)
class Figure:
    """A value with its name, and a note on it; a bad one is shown as such."""

    name: str
    value: str
    note: str = ""
    bad: bool = False


def figures(workspace: str, told: Mapping[str, Any], rates: Mapping[str, float]) -> list[Figure]:
    return [*_production(workspace, told), *_traffic(workspace, told, rates), *_intake(told)]


def _production(workspace: str, told: Mapping[str, Any]) -> Iterator[Figure]:
    if told["workspace"] is None:
        return
    version = ((told["workspace"].get("route") or {}).get("production") or {}).get("version")
    rows = told["ledger"] or []
    since = next((row["at"] for row in rows if row.get("stage") == "production" and row["version"] == version), None)
    note = f"since {moment(since):%H:%M:%S}" if since and version else ""
    yield Figure("in production", short(version, workspace) if version else "none yet", note)
    judged = next((one for one in _judged(told) if one["version"] == version), None)
    if judged:
        recent = recently(judged)
        note = (
            f"{percent(judged['accuracy'])} of {counted(judged['n'], 'label')}"
            if recent
            else counted(judged["n"], "label")
        )
        yield Figure("accuracy", percent(recent or judged["accuracy"]), note)


def recently(judged: Mapping[str, Any]) -> float | None:
    """The accuracy over the latest labels, as the chart ends."""
    points = smooth([(moment(p["at"]), float(p["accuracy"]), p["n"]) for p in judged["series"]])
    return points[-1][1] if points else None


def _judged(told: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for one in (told["quality"] or {}).get("versions", []) if one["arm"] == "production"]


def _traffic(workspace: str, told: Mapping[str, Any], rates: Mapping[str, float]) -> Iterator[Figure]:
    serving = told["counters"].get("serving")
    if serving is not None:
        answered, failed = answers(serving, workspace)
        yield Figure("requests/s", f"{rates.get('answers', 0.0):.0f}", f"{compact(answered)} answered")
        yield Figure("failed", f"{failed:,}", "requests", bad=failed > 0)


def _intake(told: Mapping[str, Any]) -> Iterator[Figure]:
    if (taken := told["ingested"]) is not None:
        yield Figure("documents", f"{taken['submitted']:,}", f"{taken['rejected']:,} rejected")
        masked = taken["masked"]
        note = ", ".join(f"{n:,} {kind}" for kind, n in sorted(masked.items(), key=lambda one: -one[1])[:2])
        yield Figure("masked", f"{sum(masked.values()):,}", note)
    if (kept := told["deduplicated"]) is not None:
        duplicated = kept["duplicated"]
        yield Figure("kept", f"{kept['kept']:,}", f"{kept['revised']:,} revised")
        note = ", ".join(f"{n:,} {kind}" for kind, n in duplicated.items())
        yield Figure("duplicates", f"{sum(duplicated.values()):,}", note)
