"""Workspaces, routes and data that the tests of evaluation share."""

import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
from harness import SIGNER, START, make

from millrace.chassis import Blobs
from millrace.evaluation.engine import Model, ScoringDied, Size, Suite
from millrace.events import (
    Canary,
    Deployment,
    DocumentKept,
    EvaluationRequested,
    FeedbackRecorded,
    Origin,
    PredictionServed,
    Route,
    RouteApplied,
    WorkspaceConfigured,
    WorkspaceRouted,
)
from millrace.workspace import Workspace

LABELS = ["damaged", "late", "lost"]
SPEC: dict[str, Any] = {
    "owner": "support-ml",
    "task": "classify",
    "labels": {"names": LABELS},
    "feedback": {"delay": "2s"},
    "gate": [
        "fresh.macro_f1 > production",
        "golden.macro_f1 >= best - 0.03",
        "typos.macro_f1 >= 0.9 * golden.macro_f1",
    ],
    "rollout": {"canary": {"shares": [0.2, 0.5], "labels": 20}, "at_most": "1h"},
}


def configured(workspace: str = "parcels", revision: int = 1, **changes: Any) -> WorkspaceConfigured:
    spec = Workspace.model_validate({"workspace": workspace, **SPEC, **changes})
    return make(
        WorkspaceConfigured,
        workspace=workspace,
        revision=revision,
        spec=spec.plain(),
        digest=spec.digest(),
        by="someone",
    )


def deployment(name: str, **changes: Any) -> Deployment:
    fields = {"artifact": f"models/{name}", "digest": f"sha256:{name}", "task": "classify", "labels": LABELS}
    return SIGNER.sign(Deployment(**{"version": name, **fields, **changes}))


def routed(
    workspace: str = "parcels", *, revision: int, step: str | None, share: float = 0.2, **more: Any
) -> WorkspaceRouted:
    trial = deployment(f"{workspace}-2")
    route = Route(
        revision=revision,
        workspace_revision=1,
        production=deployment(f"{workspace}-1"),
        shadow=trial if step == "shadow" else None,
        canary=Canary(deployment=trial, share=share) if step == "canary" else None,
    )
    return make(WorkspaceRouted, workspace=workspace, route=route, **more)


def applied(workspace: str = "parcels", *, revision: int, at: datetime = START, ok: bool = True) -> RouteApplied:
    return make(RouteApplied, workspace=workspace, revision=revision, ok=ok, replicas=1, at=at)


def moment(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def served(number: int, arm: str, *, revision: int, workspace: str = "parcels", **fields: Any) -> PredictionServed:
    """The answer to request `number`, which came so many tenths of a second after the start."""
    version = f"{workspace}-1" if arm == "production" else f"{workspace}-2"
    latency = fields.pop("latency_ms", 10.0)
    fields = {"unit": f"c-{number}", "lane": 0, "at": moment(number / 10 + latency / 1000), **fields}
    return make(
        PredictionServed,
        workspace=workspace,
        request_id=f"q-{number}",
        prediction_id=f"p-{number}-{arm}",
        version=version,
        arm=arm,
        revision=revision,
        latency_ms=latency,
        text="where is it",
        tokens=3,
        **{"label": "late", **fields},
    )


def labelled(
    number: int,
    arm: str,
    *,
    revision: int,
    correct: bool | None = True,
    after: float = 3.0,
    workspace: str = "parcels",
    **fields: Any,
) -> FeedbackRecorded:
    """What an agent said of request `number`, `after` seconds later."""
    fields = {"kind": "label", "value": "late", "trusted": True, "basis": "blind", "unit": f"c-{number}", **fields}
    fields.setdefault("predicted", "late")
    return make(
        FeedbackRecorded,
        workspace=workspace,
        lane=fields.pop("lane", 0),
        feedback_id=f"f-{number}",
        source="agent",
        request_id=f"q-{number}",
        prediction_id=f"p-{number}-{arm}",
        version=f"{workspace}-1" if arm == "production" else f"{workspace}-2",
        arm=arm,
        revision=revision,
        predicted_at=moment(number / 10),
        text="where is it",
        correct=correct,
        at=moment(number / 10 + after),
        **fields,
    )


def paired(numbers: Sequence[int], *, revision: int, **fields: Any) -> list[FeedbackRecorded]:
    return [labelled(n, arm, revision=revision, **fields) for n in numbers for arm in ("production", "shadow")]


async def put_dataset(
    blobs: Blobs,
    name: str,
    suites: Mapping[str, Sequence[tuple[str, str]]],
    *,
    training: Sequence[str] = ("t-0",),
    texts: Sequence[str] = ("learnt",),
) -> str:
    """Writes suites of (text, label), training rows of given clusters and the manifest; gives its key."""
    declared = {}
    for suite, rows in suites.items():
        ids = [f"{suite}-{number}" for number in range(len(rows))]
        key = await _put_rows(blobs, f"{name}-{suite}", ids, [text for text, _ in rows], [label for _, label in rows])
        digest = sha256(repr(rows).encode()).hexdigest()
        declared[suite] = {"rows": key, "digest": f"sha256:{digest}", "count": len(rows)}
    learnt = await _put_rows(blobs, f"{name}-training", training, [texts[0]] * len(training), ["late"] * len(training))
    manifest = {
        "suites": declared,
        "training": {"rows": learnt, "count": len(training)},
        "labels": LABELS,
        "lineage": {"created_at": START.isoformat()},
    }
    await blobs.put(f"datasets/{name}.json", json.dumps(manifest).encode())
    return f"datasets/{name}.json"


async def _put_rows(blobs: Blobs, name: str, ids: Sequence[str], texts: Sequence[str], labels: Sequence[str]) -> str:
    sink = io.BytesIO()
    columns = {"id": ids, "text": texts, "label": labels, "cluster": ids}
    pyarrow.parquet.write_table(pyarrow.table({key: list(values) for key, values in columns.items()}), sink)
    await blobs.put(f"datasets/{name}.parquet", sink.getvalue())
    return f"datasets/{name}.parquet"


def kept(number: int, *, workspace: str = "parcels", after: float = 10.0, **fields: Any) -> DocumentKept:
    """A labelled document that came `after` seconds after the training cut."""
    fields = {"label": "late", "cluster": f"k-{number}", "trusted": True, "source": "desk", **fields}
    return make(
        DocumentKept,
        workspace=workspace,
        document_id=f"k-{number}",
        text=f"later {number}",
        origin=Origin(topic="document.submitted.v1", event_id=f"e-{number}"),
        split="train",
        trainable=True,
        at=moment(after),
        **fields,
    )


async def put_model(blobs: Blobs, version: str, *, wrong: float, **traits: Any) -> None:
    """An artifact of the engine below: it answers rightly but for this share of texts.

    One that `obeys` answers what orders in a text say; `sure` is how sure it is of any answer.
    """
    model = {"version": version, "wrong": wrong, **traits}
    await blobs.put(f"models/{version}/model.json", json.dumps(model).encode())


def request(
    manifest: str, *, production: bool | Deployment = True, revision: int = 3, **fields: Any
) -> EvaluationRequested:
    fields = {"candidate": deployment("parcels-2"), "best": {}, **fields}
    return make(
        EvaluationRequested,
        production=deployment("parcels-1") if production is True else production or None,
        revision=revision,
        workspace_revision=1,
        dataset="sha256:data",
        manifest=manifest,
        **fields,
    )


class SmallEngine:
    """Answers from the models of `put_model`: the first texts wrongly, the others rightly."""

    def __init__(self) -> None:
        self.asked: list[tuple[set[str], set[str]]] = []
        self.parameters: dict[str, Any] = {}
        self.dies = False

    async def score(self, models: Mapping[str, Model], suites: Sequence[Suite], out: Path) -> dict[str, str]:
        self.asked.append((set(models), {suite.name for suite in suites}))
        self.parameters |= {name: model.parameters for name, model in models.items()}
        if self.dies:
            raise ScoringDied("killed")
        digests = {}
        for name, asked in models.items():
            model = json.loads((asked.path / "model.json").read_text())
            digests[name] = f"sha256:{model['version']}"
            for suite in suites:
                (out / name).mkdir(parents=True, exist_ok=True)
                answers = self._answers(pyarrow.parquet.read_table(suite.rows), model)
                pyarrow.parquet.write_table(answers, out / name / f"{suite.name}.parquet")
        return digests

    async def weigh(self, models: Mapping[str, Model], out: Path) -> dict[str, Size]:
        self.asked.append((set(models), {"size"}))
        told = {name: json.loads((model.path / "model.json").read_text()) for name, model in models.items()}
        return {name: Size(f"sha256:{one['version']}", one.get("bytes", 90_000_000), 200) for name, one in told.items()}

    def _answers(self, rows: pyarrow.Table, model: Mapping[str, Any]) -> pyarrow.Table:
        truth = rows.column("label").to_pylist()
        first = round(len(truth) * model["wrong"])
        prediction = [
            self._ordered(id, label, model)
            if "~" in id
            else LABELS[(LABELS.index(label) + (n < first)) % 3]
            if label
            else "late"
            for n, (id, label) in enumerate(zip(rows.column("id").to_pylist(), truth, strict=True))
        ]
        columns = {name: rows.column(name) for name in ("id", "cluster")}
        told = {
            "top_probability": [model.get("sure", 0.9)] * len(truth),
            "latency_ms": [float(n % 10 + 1) for n in range(len(truth))],
        }
        return pyarrow.table({**columns, "truth": truth, "prediction": prediction, **told})

    def _ordered(self, id: str, aim: str, model: Mapping[str, Any]) -> str:
        of, _, how = id.rpartition("~")
        return aim if model.get("obeys") and how.endswith(".after") else LABELS[len(of) % 3]
