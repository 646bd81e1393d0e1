"""What the OpenLineage spec (2-0-2) asks of a run event, once as a schema of our own words, once by its own client."""

from importlib import import_module
from typing import Any

import jsonschema
from openlineage.client.generated import base

URI = {"type": "string", "format": "uri", "pattern": "^[a-z][a-z0-9+.-]*:"}
FACETS = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "required": ["_producer", "_schemaURL"],
        "properties": {"_producer": URI, "_schemaURL": URI},
    },
}
NAMED = {"namespace": {"type": "string", "minLength": 1}, "name": {"type": "string", "minLength": 1}, "facets": FACETS}
DATASET = {
    "type": "object",
    "required": ["namespace", "name"],
    "properties": {**NAMED, "inputFacets": FACETS, "outputFacets": FACETS},
    "additionalProperties": False,
}
RUN_EVENT = {
    "type": "object",
    "required": ["eventTime", "producer", "schemaURL", "run", "job"],
    "properties": {
        "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
        "eventTime": {"type": "string", "format": "date-time"},
        "producer": URI,
        "schemaURL": URI,
        "run": {
            "type": "object",
            "required": ["runId"],
            "properties": {"runId": {"type": "string", "format": "uuid"}, "facets": FACETS},
        },
        "job": {"type": "object", "required": ["namespace", "name"], "properties": NAMED},
        "inputs": {"type": "array", "items": DATASET},
        "outputs": {"type": "array", "items": DATASET},
    },
    "additionalProperties": False,
}
CHECKER = jsonschema.Draft202012Validator(RUN_EVENT, format_checker=jsonschema.FormatChecker())
MODULES = {
    "jobType": "job_type_job.JobTypeJobFacet",
    "ownership": "ownership_job.OwnershipJobFacet",
    "processing_engine": "processing_engine_run.ProcessingEngineRunFacet",
    "version": "dataset_version_dataset.DatasetVersionDatasetFacet",
    "storage": "storage_dataset.StorageDatasetFacet",
    "inputStatistics": "input_statistics_input_dataset.InputStatisticsInputDatasetFacet",
    "outputStatistics": "output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet",
}


def check(event: dict[str, Any]) -> None:
    """Raises what the schema, or the client's own classes, refuse; also names of fields that they do not know."""
    CHECKER.validate(event)
    made = base.RunEvent(
        eventTime=event["eventTime"],
        eventType=base.EventType(event["eventType"]),
        run=base.Run(event["run"]["runId"], facets=_facets(event["run"]["facets"])),
        job=base.Job(event["job"]["namespace"], event["job"]["name"], facets=_facets(event["job"]["facets"])),
        producer=event["producer"],
    )
    assert made.schemaURL == event["schemaURL"], "of the spec that the client is made from"
    for one in event["inputs"]:
        base.InputDataset(
            one["namespace"],
            one["name"],
            facets=_facets(one.get("facets", {})),
            inputFacets=_facets(one.get("inputFacets", {})),
        )
    for one in event["outputs"]:
        base.OutputDataset(
            one["namespace"],
            one["name"],
            facets=_facets(one.get("facets", {})),
            outputFacets=_facets(one.get("outputFacets", {})),
        )


def _facets(told: dict[str, Any]) -> dict[str, Any]:
    return {name: _facet(name, dict(fields)) for name, fields in told.items()}


def _facet(name: str, fields: dict[str, Any]) -> Any:
    module, _, kind = MODULES[name].partition(".")
    url, producer = fields.pop("_schemaURL"), fields.pop("_producer")
    made = getattr(import_module(f"openlineage.client.generated.{module}"), kind)(**fields, producer=producer)
    assert made._schemaURL == url, f"{name}: another schema than the client's"
    return made
