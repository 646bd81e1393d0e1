"""Whoever changes something over HTTP says who they are."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "contracts"))

import derive

SAID_BY_PRODUCTS = ("/v1/events", "/v1/feedback", "/v1/workspaces/{name}/sources/{source}/documents/{own_id}")
QUESTIONS = tuple(f"/v1/workspaces/{{name}}/{question}" for question in ("search", "features", "predict"))
INFERENCE = "/v2/"
REASONED = (
    "/v1/datasets/{version}/rollback",
    "/v1/datasets/{version}/pin",
    "/v1/workspaces/{name}/rollback",
    "/v1/workspaces/{name}/versions/{version}/hold",
)


def commands() -> Iterator[tuple[str, str, str, dict[str, Any], dict[str, Any]]]:
    """Service, method, path, its operation and the service's schemas of everything that may change something."""
    for service in derive.services():
        shape = service.app().openapi()
        for path, operations in shape["paths"].items():
            for method, operation in operations.items():
                if method != "get" and path not in SAID_BY_PRODUCTS + QUESTIONS and not path.startswith(INFERENCE):
                    yield service.name, method, path, operation, shape.get("components", {}).get("schemas", {})


FOUND = list(commands())


def asked(operation: dict[str, Any], schemas: dict[str, Any]) -> set[str]:
    """Names that a call has to have: in its query, or in its body where it has to have one."""
    needed = {one["name"] for one in operation.get("parameters", []) if one["required"] and one["in"] == "query"}
    body = operation.get("requestBody", {})
    if body.get("required"):
        named = body["content"]["application/json"]["schema"].get("$ref", "").rpartition("/")[2]
        needed |= set(schemas[named].get("required", []))
    return needed


@pytest.mark.parametrize(("service", "method", "path", "operation", "schemas"), FOUND, ids=lambda one: str(one)[:60])
def test_a_command_is_signed(
    service: str, method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any]
) -> None:
    assert "by" in asked(operation, schemas), f"{service}: {method} {path} changes something for nobody"
    assert ("reason" in asked(operation, schemas)) == (path in REASONED)


def test_what_is_excused_is_there() -> None:
    assert {path for _, _, path, _, _ in FOUND} >= set(REASONED)
    paths = {path for service in derive.services() for path in service.app().openapi()["paths"]}
    assert set(SAID_BY_PRODUCTS) <= paths and set(QUESTIONS) <= paths
