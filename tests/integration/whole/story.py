"""Two cycles as a team lives them: grown from documents, the second through shadow and canary, both into production."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from whole import Record, Whole, until

NAME = "story"
ROWS, QUIET, TRACED = 200, 160, 70
"""Documents that open a cycle; what comes by a file, and what comes traced: a few may be near duplicates, which do not
count, and those after the first cycle's cut count for the second."""
PERSON, WRITTEN, WORDS = "ada@lovelace", 6, "It holds my orrery."
"""A customer, how many of the texts of each file are theirs, and what nobody else would write."""
FIRST, SECOND = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7a3ce929d0e0e4736"
"""Traces of the product whose documents open the cycles."""
PRODUCT = "00f067aa0ba902b7"
"""The product's span."""
SPEC = f"""
workspace: {NAME}
owner: tests
task: classify
labels:
  names: [late, lost, damaged, wrong-item, refund, cancel, address-change, redeliver, payment, account]
  min_examples: 3
data: {{trusted: [crm]}}
feedback: {{delay: 1s, wait: 2s}}
train:
  methods: [linear-probe]
  min_labels: 100
  on: {{drift: false, new_documents: {ROWS}, schedule: null}}
gate: [fresh.accuracy >= 0.1]
rollout:
  shadow: {{labels: 5, require: accuracy >= production - 0.95}}
  canary: {{shares: [0.5], labels: 5}}
  at_most: 10m
"""
GOLDEN = Path(__file__).parents[3] / "examples" / "parcel-support" / "golden.csv"


@dataclass(frozen=True)
class Story:
    """`records` are those of the workspace on all topics; `cycles` as `millrace cycles --json` tells them."""

    whole: Whole
    records: list[Record]
    cycles: list[dict[str, Any]]

    def in_trace(self, trace: str) -> list[Record]:
        return [record for record in self.records if record.trace == trace]

    def in_cycle(self, cycle: str) -> list[Record]:
        return [record for record in self.records if record.headers.get("ce_cycleid") == cycle]


def told(whole: Whole) -> Story:
    folder = whole.running.data
    (folder / "story.yaml").write_text(SPEC)
    assert whole.millrace("apply", str(folder / "story.yaml")).code == 0
    with GOLDEN.open(encoding="utf-8") as file:
        rows = [(row["text"], row["category"]) for row in csv.DictReader(file)]
    published = QUIET + TRACED
    grow(whole, rows[:published], FIRST)
    until(lambda: ask(whole, "Where is my parcel?", "first").status_code == 200, within=180)
    grow(whole, rows[published : 2 * published], SECOND)
    asked = 0

    def promoted() -> bool:
        nonlocal asked
        asked = use(whole, rows, asked)
        return production(whole) == f"{NAME}-2"

    until(promoted, within=240)
    until(lambda: [one["outcome"] for one in cycles(whole)] == ["production", "production"])
    return Story(whole, whole.records(NAME), cycles(whole))


def grow(whole: Whole, rows: list[tuple[str, str]], trace: str) -> None:
    """Most by a file, too few for a cycle, and then those that open it: by HTTP, in the trace of the product."""
    quiet, traced = rows[:QUIET], rows[QUIET:]
    file = whole.running.data / f"{trace}.jsonl"
    people = [PERSON] * WRITTEN + [f"customer-{number}" for number in range(len(quiet) - WRITTEN)]
    said = [f"{text} {WORDS}" if who == PERSON else text for (text, _), who in zip(quiet, people, strict=True)]
    labels = [label for _, label in quiet]
    lines = [
        {"text": text, "label": label, "subject": who} for text, label, who in zip(said, labels, people, strict=True)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert whole.millrace("publish", str(file), "-w", NAME, "-s", "crm").code == 0
    about = {"specversion": "1.0", "source": "crm", "type": "document.submitted.v1"}
    events = [
        {**about, "id": f"{trace}-{n}", "data": {"workspace": NAME, "source": "crm", "text": text, "label": label}}
        for n, (text, label) in enumerate(traced)
    ]
    headers = {"content-type": "application/cloudevents-batch+json", "traceparent": f"00-{trace}-{PRODUCT}-01"}
    assert whole.post("ingestion", "/v1/events", events, **headers).json()["accepted"] == len(traced)


def use(whole: Whole, rows: list[tuple[str, str]], asked: int) -> int:
    """Asks and labels some more, as customers and agents do; how many there were."""
    for number in range(asked, asked + 10):
        text, label = rows[number % len(rows)]
        answer = ask(whole, text, f"q-{number}")
        assert answer.status_code == 200, answer.text
        told = {"workspace": NAME, "kind": "label", "value": label, "source": "agent", "request_id": f"q-{number}"}
        assert whole.post("feedback", "/v1/feedback", told).status_code == 202
    return asked + 10


def ask(whole: Whole, text: str, request: str) -> httpx.Response:
    return whole.post("serving", f"/v1/workspaces/{NAME}/predict", {"text": text, "request_id": request})


def production(whole: Whole) -> str | None:
    found = whole.millrace("versions", NAME, "--json").json
    return next((one["version"] for one in found if one["stage"] == "production"), None)


def cycles(whole: Whole) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = whole.millrace("cycles", NAME, "--json").json
    return found
