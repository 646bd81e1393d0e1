"""Contracts are equal to the code, and stay what their readers know."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from millrace.events import Event, SubjectErased
from millrace.ingestion.erasures import OWNERS

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "contracts"))

import derive  # noqa: E402

TOPICS = {path.name.removesuffix(".yaml"): path for path in (ROOT / "contracts" / "topics").glob("*.yaml")}
EVENTS = dict(Event.by_topic)


def contract(topic: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(TOPICS[topic].read_text())
    return loaded


def producers(topic: str) -> list[str]:
    """Who may emit: one, or each of the owners that confirm."""
    named = contract(topic)["producer"]
    return [named] if isinstance(named, str) else list(named)


def test_every_event_has_a_contract_and_every_contract_an_event() -> None:
    assert set(TOPICS) == set(EVENTS)


@pytest.mark.parametrize("topic", sorted(EVENTS))
def test_a_contract_says_what_the_code_does(topic: str) -> None:
    event, about = EVENTS[topic], contract(topic)
    assert about["topic"] == topic
    assert about["retention"] == event.retention
    assert about["key"] == ("workspace/lane" if "lane" in event.model_fields else "workspace")
    assert about["meaning"] and about["personal_data"]
    assert (ROOT / "services" / about["owner"]).is_dir()
    assert (producers(topic) == ["products"]) == (event.retention == "intake")
    assert all(name == "products" or (ROOT / "services" / name).is_dir() for name in producers(topic))


@pytest.mark.parametrize("topic", sorted(EVENTS))
def test_examples_are_events_without_unknown_fields(topic: str) -> None:
    examples = contract(topic)["examples"]
    assert examples
    for body in examples.values():
        assert set(body) <= set(EVENTS[topic].model_fields)
        parsed = EVENTS[topic].model_validate(body)
        assert EVENTS[topic].model_validate_json(parsed.body()) == parsed


def test_ledger_topics_hold_no_persons_text() -> None:
    for topic, event in EVENTS.items():
        if event.retention in {"ledger", "table"}:
            assert "text" not in event.model_fields and contract(topic)["personal_data"] == "none", topic


@pytest.mark.parametrize("topic", sorted(topic for topic, event in EVENTS.items() if event.retention != "intake"))
def test_an_event_says_which_of_its_fields_name_a_person(topic: str) -> None:
    named = tuple(name for name in EVENTS[topic].model_fields if name in ("subject", "entity", "unit", "actor"))
    assert EVENTS[topic].people == named
    assert not named or contract(topic)["personal_data"] != "none"


def test_whoever_emits_what_names_a_person_has_a_job_that_erases() -> None:
    """It takes the person's bodies out of S3, and confirms to the report."""
    for service in derive.services():
        if any(event.people for event in service.emits - {SubjectErased}):
            assert "erase" in {work.kind for work in service.jobs}, service.name
            assert service.name in OWNERS


def test_what_is_derived_is_fresh() -> None:
    done = subprocess.run([sys.executable, ROOT / "contracts" / "derive.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_producer_of_a_topic_is_who_declares_to_emit_it() -> None:
    flow = derive.flow()
    for topic in EVENTS:
        assert flow["topics"][topic]["producers"] == producers(topic), topic


BEFORE = {
    "title": "Thing",
    "properties": {"a": {"type": "string", "description": "old words"}, "b": {"type": "integer"}},
    "required": ["a"],
}


@pytest.mark.parametrize(
    ("after", "problem"),
    [
        ({"properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a"]}, None),
        ({"properties": {**BEFORE["properties"], "c": {"type": "string"}}, "required": ["a"]}, None),  # type: ignore[dict-item]
        ({"properties": {"a": {"type": "string"}}, "required": ["a"]}, "Thing.b is gone"),
        ({"properties": {**BEFORE["properties"]}, "required": ["a", "b"]}, "Thing.b became required"),  # type: ignore[dict-item]
        ({"properties": {**BEFORE["properties"]}, "required": []}, "Thing.a is no longer required"),  # type: ignore[dict-item]
        ({"properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a"]}, "Thing.a changed"),
    ],
)
def test_a_change_that_an_old_reader_would_not_survive_is_refused(after: dict[str, Any], problem: str | None) -> None:
    found = list(derive.incompatible(BEFORE, {"title": "Thing", **after}))
    assert found == [] if problem is None else found[0].startswith(problem)
