"""Model cards and technical files: what they say is what is so, in forms that others read."""

import asyncio
import io
import json
import re
import subprocess
import zipfile
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from deeds import FILE, apply, candidate, confirm, get, judge, post
from harness import Running, running
from huggingface_hub import ModelCard

from millrace.chassis import Blobs
from millrace.chassis.signatures import Trust
from millrace.events import Deployment, Signature
from millrace.registry.app import build_app

CARD = """
card:
  purpose: Routes what customers write of <their> parcels | to a desk.
  limits: [Not for complaints about people.]
  licence: CC-BY-4.0
"""
MANIFEST = {
    "documents": 1950,
    "sources": {"history": 1500, "mail": 450},
    "labels": ["late", "lost", "damaged"],
    "redacted": {"rows": 2},
    "content": {"splits": {"train": {"rows": 1600}, "golden": {"rows": 350}}},
}
VERSION = {
    "base": {"name": "minilm", "digest": "sha256:base", "licence": "Apache-2.0"},
    "encoder": "base",
    "max_length": 128,
    "temperature": 1.25,
}
SUITE = {
    "digest": "sha256:golden",
    "rows": 350,
    "classes": {
        "late": {"recall": 0.95, "low": 0.9, "high": 0.98, "n": 200},
        "lost": {"recall": 0.45, "low": 0.36, "high": 0.55, "n": 150},
    },
    "slices": [
        {"name": "short", "kind": "length", "accuracy": 0.9, "interval": {"low": 0.8, "high": 0.95}, "rows": 90}
    ],
    "calibration": {"ece": 0.09, "low": 0.05, "high": 0.14},
}
REPORT = {
    "version": "parcels-1",
    "against": None,
    "verdict": "pass",
    "conditions": [
        {"condition": "golden.macro_f1 >= best - 0.03", "verdict": "pass", "note": ""},
        {"condition": "fresh.macro_f1 > production", "verdict": "inconclusive", "note": "12 rows"},
    ],
    "scores": {"candidate": {"golden": {"macro_f1": {"value": 0.9, "low": 0.88, "high": 0.92, "n": 350}}}},
    "suites": {"golden": SUITE},
    "method": {"figures": "95 % two-sided"},
}


@pytest.fixture
async def registry(stack) -> AsyncIterator[Running]:
    """parcels-1 with all that a card tells of, in production; parcels-2 not judged yet."""
    async with running(stack, "registry", build_app) as service:
        await apply(service, FILE + CARD)
        blobs = Blobs(service.service.settings)
        await blobs.put("parcels/datasets/rows.json", json.dumps(MANIFEST).encode())
        await blobs.put("parcels/models/run-1/version.json", json.dumps(VERSION).encode())
        await blobs.put("parcels/reports/1.json", json.dumps(REPORT).encode())
        took = {"measured": {"energy_wh": 0.5, "peak_mb": 900}, "cost": 0.01, "parameters": {"threads": 1}}
        await judge(service, await candidate(service, "run-1", environment={"torch": "2.15.0"}, **took))
        await confirm(service)
        await candidate(service, "run-2", dataset="sha256:gone", manifest="parcels/datasets/gone.json")
        yield service


async def fetched(registry: Running, path: str) -> bytes:
    async with registry.http() as client:
        answer = await client.get(f"/v1/workspaces/parcels/versions/{path}")
    assert answer.status_code == 200, answer.text
    return answer.content


async def test_a_card_gathers_what_is_known_of_a_version(registry: Running) -> None:
    facts = await get(registry, "/parcels/versions/parcels-1/card")
    assert (facts["stage"], facts["owner"], facts["about"]["licence"]) == ("production", "support-ml", "CC-BY-4.0")
    assert facts["model"]["base"] == VERSION["base"] and facts["model"]["temperature"] == 1.25
    assert {one["name"] for one in facts["model"]["files"]} == {"version.json", "weights.safetensors"}
    training = facts["training"]
    assert (training["energy_wh"], training["cost"], training["parameters"]) == (0.5, 0.01, {"threads": 1})
    assert facts["data"]["rows"] == {"train": 1600, "golden": 350}
    assert facts["decisions"][-1]["kind"] == "registered"


async def test_its_limits_are_those_declared_and_those_that_follow_from_figures(registry: Running) -> None:
    limits = (await get(registry, "/parcels/versions/parcels-1/card"))["limits"]
    assert limits == [
        "Not for complaints about people.",
        "2 rows that it was made from were erased since.",
        "Of a text it reads 128 tokens; what is beyond them is not seen.",
        "`fresh.macro_f1 > production` could not be told: 12 rows.",
        "On `golden` fewer than half may be answered rightly of: `lost`.",
        "On `golden` its confidence is off by 0.09 on average (0.05 to 0.14).",
        "Never judged, since no suite has rows of them: `damaged`.",
    ]


async def test_a_version_that_is_not_judged_and_whose_data_is_gone_says_so(registry: Running) -> None:
    facts = await get(registry, "/parcels/versions/parcels-2/card")
    assert any("can no longer be looked at" in one and "gone.json" in one for one in facts["limits"])
    assert facts["limits"][-1] == "How well it answers is not known here: it is not judged yet."
    for form in ("card.html", "card.md", "technical-file.zip"):
        assert await fetched(registry, f"parcels-2/{form}")


async def test_markdown_is_a_card_as_the_hub_reads_it(registry: Running) -> None:
    told = (await fetched(registry, "parcels-1/card.md")).decode()
    card = ModelCard(told)
    assert (card.data.license, card.data.pipeline_tag) == ("cc-by-4.0", "text-classification")
    (result,) = card.data.eval_results
    assert (result.task_type, result.metric_type, result.metric_value) == ("text-classification", "f1", 0.9)
    assert (result.dataset_revision, card.data.model_name) == ("sha256:golden", "parcels-1")
    assert "On `golden` fewer than half may be answered rightly of: `lost`." in card.text
    rows = [line for line in card.text.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in rows) and "| energy | 0.50 Wh" in card.text


async def test_the_page_needs_nothing_else_and_escapes_what_people_wrote(registry: Running) -> None:
    await post(registry, "versions/parcels-1/notes", text="a <b>bold</b> note")
    html = (await fetched(registry, "parcels-1/card.html")).decode()
    assert "Routes what customers write of &lt;their&gt; parcels" in html and "<code>lost</code>" in html
    assert "a &lt;b&gt;bold&lt;/b&gt; note" in html and "<b>bold" not in html
    assert not re.search(r"<script|https?://|src=", html)


async def test_the_technical_file_checks_out_and_is_the_same_twice(registry: Running, tmp_path: Path) -> None:
    whole = await fetched(registry, "parcels-1/technical-file.zip")
    assert whole == await fetched(registry, "parcels-1/technical-file.zip")
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        archive.extractall(tmp_path)
        names = set(archive.namelist())
    checked = ["sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS"]
    await asyncio.to_thread(subprocess.run, checked, cwd=tmp_path, check=True)
    listed = {line.split()[1] for line in (tmp_path / "SHA256SUMS").read_text().splitlines()}
    assert listed | {"SHA256SUMS"} == names

    def read(name: str) -> Any:
        return json.loads((tmp_path / name).read_bytes())

    assert read("dataset.json") == MANIFEST and read("report.json") == REPORT
    assert read("declaration.json")["spec"]["card"]["licence"] == "CC-BY-4.0"
    signed = read("signature.json")
    told = json.loads(signed["statement"])
    deployment = Deployment(**told, signature=Signature(key=signed["key"], value=signed["value"]))
    Trust(signed["public_key"]).check(deployment)
    assert deployment.version == "parcels-1"
    entries = sorted(read("ledger.json"), key=lambda one: one["number"])
    assert all(sha256_like(one["hash"]) for one in entries) and entries[0]["version"] == "parcels-1"


def sha256_like(text: str) -> bool:
    return len(text) == len(sha256().hexdigest()) and int(text, 16) >= 0


async def test_nobody_s_version_has_no_card(registry: Running) -> None:
    assert (await get(registry, "/parcels/versions/parcels-9/card", 404))["error"]["code"] == "version_not_found"
    assert (await get(registry, "/nobody/versions/nobody-1/card", 404))["error"]["code"] == "workspace_not_found"
