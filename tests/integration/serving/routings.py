"""Workspaces, routes and artifacts for the tests of serving."""

import json
from pathlib import Path
from typing import Any

from harness import SIGNER, make

from millrace import learn
from millrace.events import Canary, Deployment, Route, WorkspaceConfigured, WorkspaceRouted
from millrace.workspace import load

SAID = {
    "late": "where is my parcel|it should have come last week|the delivery is late again|still waiting for my order",
    "damaged": "the box was crushed|my vase arrived broken|the screen is cracked|the package was torn open",
    "refund": "i want my money back|please refund me|when is my refund paid|return and get reimbursed",
}
LABELS = sorted(SAID)


def spec(name: str, **more: Any) -> dict[str, Any]:
    file = f"workspace: {name}\nowner: tests\ntask: classify\nlabels: {{names: [late, damaged, refund]}}\n"
    return {**load(file).plain(), **more}


def configured(name: str, **more: Any) -> WorkspaceConfigured:
    return make(WorkspaceConfigured, workspace=name, revision=1, spec=spec(name, **more), digest="d", by="tests")


def routed(
    name: str,
    revision: int,
    production: Deployment | None,
    *,
    shadow: Deployment | None = None,
    canary: Deployment | None = None,
    share: float = 0.3,
) -> WorkspaceRouted:
    route = Route(
        revision=revision,
        workspace_revision=1,
        production=production,
        shadow=shadow,
        canary=Canary(deployment=canary, share=share) if canary else None,
    )
    return make(WorkspaceRouted, workspace=name, route=route)


def artifact_of(version: str, folder: Path, prefix: str, **parameters: Any) -> Deployment:
    made = Deployment(
        version=version,
        artifact=prefix,
        digest=learn.digest(folder),
        task="classify",
        labels=learn.read_version(folder).labels,
        parameters=parameters,
    )
    return SIGNER.sign(made)


def bare(folder: Path, name: str) -> Path:
    """A folder that is whole to the eye of a digest, for engines that read no weights."""
    part = folder / name
    part.mkdir()
    reference = {"rows": 1, "kept": 1, "label_share": {}, "top_probability": 1, "entropy": 0, "novelty": 0}
    version = {
        "task": "classify",
        "method": "linear-probe",
        "base": {"name": "minilm", "digest": "sha256:1"},
        "labels": LABELS,
        "reference": reference,
        "training": {"rows": 9, "seed": 1, "settings": {}, "steps": 1, "planned_steps": 1},
        "environment": {"for": name},
    }
    (part / "version.json").write_text(json.dumps(version))
    (part / "weights.safetensors").write_bytes(b"none")
    return part
