"""A version's lineage as OpenLineage run events (spec 2-0-2): the cut of its dataset and its training run.

Each run has its START and its COMPLETE. Sources, datasets, bases and models are OpenLineage datasets; which version of
one it was is in its facet `version`.
"""

from datetime import datetime, timedelta
from importlib import metadata
from typing import Any
from uuid import UUID, uuid5

SPEC = "https://openlineage.io/spec"
PRODUCER = "urn:millrace:registry"
OURS = UUID("b7c2f0e6-5f0a-5d57-9d4b-0d2f2f3b6a11")
"""Names runs whose own ids are not UUIDs."""

FACETS = {
    "jobType": "facets/2-0-4/JobTypeJobFacet",
    "ownership": "facets/1-0-1/OwnershipJobFacet",
    "processing_engine": "facets/1-1-1/ProcessingEngineRunFacet",
    "version": "facets/1-0-1/DatasetVersionDatasetFacet",
    "storage": "facets/1-0-1/StorageDatasetFacet",
    "inputStatistics": "facets/1-0-0/InputStatisticsInputDatasetFacet",
    "outputStatistics": "facets/1-0-2/OutputStatisticsOutputDatasetFacet",
}
Json = dict[str, Any]


def events(found: Json) -> list[Json]:
    """The runs of a lineage, in their order; without the cut where its manifest is gone."""
    return [*_cut(found), *_training(found)]


def _cut(found: Json) -> list[Json]:
    data = found["dataset"]
    if data.get("missing"):
        return []
    lineage = data.get("lineage") or {}
    ended = _time(lineage.get("created_at") or found["created_at"])
    inputs = [
        _dataset(found, f"sources/{name}", inputFacets=_facet("inputStatistics", rowCount=count))
        for name, count in (data.get("sources") or {}).items()
    ]
    if lineage.get("parent"):
        inputs.append(_dataset(found, "datasets", facets=_facet("version", datasetVersion=lineage["parent"])))
    run = lineage.get("cycle_id") or data["digest"]
    return _run(found, "datasets.cut", "DATASET", run, (ended, ended), inputs, [_rows(found, "output")])


def _training(found: Json) -> list[Json]:
    run = found["run"]
    ended = _time(found["created_at"])
    inputs = [_rows(found, "input")]
    if run["base"]:
        inputs.append(_dataset(found, f"bases/{run['base']}"))
    if brought := run["imported"]:
        version = _facet("version", datasetVersion=brought["folder"])
        inputs.append(_dataset(found, f"imports/{brought['source']}", facets=version))
    if found["starts_from"]:
        inputs.append(_dataset(found, "models", facets=_facet("version", datasetVersion=found["starts_from"])))
    model = {
        **_facet("version", datasetVersion=found["version"]),
        **_facet("storage", storageLayer="s3", fileFormat="safetensors"),
    }
    took = (ended - timedelta(seconds=run["seconds"]), ended)
    return _run(
        found,
        f"training.{run['method']}",
        "TRAINING",
        run["id"],
        took,
        inputs,
        [_dataset(found, "models", facets=model)],
    )


def _run(
    found: Json,
    job: str,
    kind: str,
    run: str,
    took: tuple[datetime, datetime],
    inputs: list[Json],
    outputs: list[Json],
) -> list[Json]:
    jobs = {
        **_facet("jobType", processingType="BATCH", integration="MILLRACE", jobType=kind),
        **_facet("ownership", owners=[{"name": found["owner"], "type": "OWNER"}]),
    }
    runs = _facet("processing_engine", version=metadata.version("millrace-registry"), name="Millrace")
    told = {
        "run": {"runId": _id(run), "facets": runs},
        "job": {"namespace": _space(found), "name": job, "facets": jobs},
        "inputs": inputs,
        "producer": PRODUCER,
        "schemaURL": f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }
    start, end = (at.isoformat() for at in took)
    return [
        {"eventType": "START", "eventTime": start, **told, "outputs": []},
        {"eventType": "COMPLETE", "eventTime": end, **told, "outputs": outputs},
    ]


def _rows(found: Json, way: str) -> Json:
    """The version's dataset, as what comes of a cut or goes into a run."""
    data = found["dataset"]
    counted = _facet(f"{way}Statistics", rowCount=sum(data.get("rows", {}).values()))
    known = {} if data.get("missing") else {f"{way}Facets": counted}
    return _dataset(found, "datasets", facets=_facet("version", datasetVersion=data["digest"]), **known)


def _dataset(found: Json, name: str, **facets: Json) -> Json:
    return {"namespace": _space(found), "name": name, **facets}


def _facet(facet: str, /, **fields: Any) -> Json:
    path = FACETS[facet]
    kind = path.rpartition("/")[2]
    return {facet: {"_producer": PRODUCER, "_schemaURL": f"{SPEC}/{path}.json#/$defs/{kind}", **fields}}


def _space(found: Json) -> str:
    return f"millrace://{found['workspace']}"


def _id(run: str) -> str:
    try:
        return str(UUID(run))
    except ValueError:
        return str(uuid5(OURS, run))


def _time(told: str | datetime) -> datetime:
    return told if isinstance(told, datetime) else datetime.fromisoformat(told)
