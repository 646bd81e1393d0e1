"""`millrace doctor` on the whole of Millrace: well when it is well, and the first broken hop named when not."""

import os
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest
from whole import Whole


def examined(whole: Whole, patience: str, *more: str) -> tuple[int, dict[str, Any]]:
    said = whole.millrace("doctor", "--json", "--patience", patience, *more)
    return said.code, said.json


@pytest.mark.timeout(300)
def test_a_probe_passes_every_hop_and_a_frozen_service_is_named(whole: Whole) -> None:
    for _ in range(2):  # the second has to tell its own probe from the first one's
        code, found = examined(whole, "40")
        assert code == 0, found
        assert found["ok"] and found["failed"] is None
    frozen = whole.running.process("dedup").pid
    assert frozen is not None
    os.kill(frozen, signal.SIGSTOP)
    try:
        code, found = examined(whole, "3")
    finally:
        os.kill(frozen, signal.SIGCONT)
    assert code == 1
    assert found["failed"] == "dedup is ready"


@pytest.mark.timeout(120)
def test_a_stack_elsewhere_is_examined_by_its_addresses(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert whole.millrace("doctor", "--json", data=tmp_path).code == 3
    for each in whole.running.processes:
        if each.service:
            monkeypatch.setenv(f"MILLRACE_{each.service.upper()}_URL", whole.running.url(each.service))
    monkeypatch.setenv("MILLRACE_KAFKA", whole.running.endpoints.kafka)
    said = whole.millrace("doctor", "--json", "--patience", "40", data=tmp_path)
    assert said.code == 0, said.json
    assert whole.millrace("dead-letters", "list", "--json", data=tmp_path).code == 0


@pytest.mark.parametrize(
    ("service", "path"),
    [
        ("ingestion", "/v1/counts"),
        ("dedup", "/v1/counts"),
        ("datasets", "/v1/counts"),
        ("datasets", "/v1/datasets"),
        ("training", "/v1/cycles"),
        ("evaluation", "/v1/evaluations"),
        ("evaluation", "/v1/rollouts"),
        ("feedback", "/v1/quality"),
        ("feedback", "/v1/annotations"),
        ("drift", "/v1/monitors"),
    ],
)
def test_a_mistyped_workspace_is_not_one_of_which_there_is_nothing_to_tell(
    whole: Whole, service: str, path: str
) -> None:
    answer = httpx.get(whole.running.url(service) + path, params={"workspace": "parcells"}, timeout=30)
    assert (answer.status_code, "parcells" in answer.json()["error"]["message"]) == (404, True)
