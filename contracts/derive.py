"""Derives schemas, AsyncAPI and the flow from the events and the services; `--check` only compares.

    python contracts/derive.py [--check]

The committed schema of a topic is its release: a change that an old reader or an old record would not survive is
refused, and belongs on a `.v2` topic.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from millrace.chassis import Service, SystemClock
from millrace.events import Event, WorkspaceConfigured

HERE = Path(__file__).parent
KEYS = {"signing_key": "A" * 43 + "=", "trusted_keys": ""}
"""For the services that sign or check signatures; the others have no such setting."""
ROOT = HERE.parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a file is not what it would be")
    check = parser.parse_args().check
    broken = [problem for event in events() for problem in incompatible(committed(event), event.model_json_schema())]
    for problem in broken:
        print(f"incompatible: {problem}", file=sys.stderr)
    if broken:
        return 1
    stale = [path for path, text in derived() if not path.exists() or path.read_text() != text]
    for path, text in derived():
        if path in stale and not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    for path in stale:
        print(f"{'stale' if check else 'written'}: {path.relative_to(ROOT)}")
    return 1 if check and stale else 0


def events() -> list[type[Event]]:
    return [Event.by_topic[topic] for topic in sorted(Event.by_topic)]


def contract(event: type[Event]) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((HERE / "topics" / f"{event.topic}.yaml").read_text())
    return loaded


def committed(event: type[Event]) -> dict[str, Any] | None:
    path = HERE / "schemas" / f"{event.topic}.json"
    return json.loads(path.read_text()) if path.exists() else None


def derived() -> Iterator[tuple[Path, str]]:
    """Every derived file with its text."""
    for event in events():
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **event.model_json_schema()}
        yield HERE / "schemas" / f"{event.topic}.json", json.dumps(schema, indent=2, sort_keys=True) + "\n"
    yield HERE / "asyncapi.yaml", yaml.safe_dump(asyncapi(), sort_keys=False, width=110, allow_unicode=True)
    known = flow()
    yield HERE / "flow.json", json.dumps(known, indent=2) + "\n"
    readme = ROOT / "README.md"
    yield readme, between(readme.read_text(), "flow", picture(known))


def incompatible(old: dict[str, Any] | None, new: dict[str, Any]) -> Iterator[str]:
    """What an old reader or an old record would not survive, a line each."""
    if old is None:
        return
    for name, before, after in pairs(old, new):
        if after is None:
            yield f"{name} is gone"
            continue
        required_before, required_after = set(before.get("required", ())), set(after.get("required", ()))
        for field in sorted(required_before ^ required_after):
            if field in required_after or field in after.get("properties", {}):
                yield f"{name}.{field} {'became' if field in required_after else 'is no longer'} required"
        for field, shape in before.get("properties", {}).items():
            now = after.get("properties", {}).get(field)
            if now is None:
                yield f"{name}.{field} is gone"
            elif form(shape) != form(now):
                yield f"{name}.{field} changed from {form(shape)} to {form(now)}"


def pairs(old: dict[str, Any], new: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any] | None]]:
    yield old["title"], old, new
    for name, shape in old.get("$defs", {}).items():
        yield f"{old['title']}/{name}", shape, new.get("$defs", {}).get(name)


def form(shape: dict[str, Any]) -> str:
    """What a value of the shape may be, without words and defaults."""
    told = {"description", "title", "default", "examples"}
    return json.dumps({key: value for key, value in shape.items() if key not in told}, sort_keys=True)


def services() -> list[Service]:
    """Every service as its composition root makes it, connected to nothing."""
    found = []
    for folder in sorted((ROOT / "services").iterdir()):
        if not (folder / "pyproject.toml").exists():
            continue
        name = folder.name
        settings = importlib.import_module(f"millrace.{name}.settings").Settings(
            kafka="none:0",
            postgres="postgresql://none",
            s3_url="http://none:0",
            s3_access_key="none",
            s3_secret_key="none",
            secret="none",
            **KEYS,
        )
        found.append(importlib.import_module(f"millrace.{name}.app").build_app(settings, clock=SystemClock()))
    return found


def flow() -> dict[str, Any]:
    """Who eats and emits what, as the code declares it."""
    known = services()
    return {
        "services": {
            service.name: {
                "eats": sorted(event.topic for event in service.eats),
                "reads": sorted(table.topic for table in service.tables),
                "emits": sorted(event.topic for event in service.emits),
            }
            for service in known
        },
        "topics": {
            event.topic: {
                "retention": event.retention,
                "producers": sorted(service.name for service in known if event in service.emits) or ["products"],
                "consumers": sorted(
                    service.name
                    for service in known
                    if event in service.eats or event.topic in {table.topic for table in service.tables}
                ),
            }
            for event in events()
        },
    }


def picture(known: dict[str, Any]) -> str:
    """The flow as a Mermaid chart: an arrow for each pair of services, with its topics."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for topic, about in known["topics"].items():
        if topic == WorkspaceConfigured.topic:  # everybody reads it: an arrow to each would hide the others
            continue
        for producer in about["producers"]:
            for consumer in about["consumers"]:
                arrows.setdefault((producer, consumer), []).append(topic.removesuffix(".v1"))
    lines = [f'    {start} -- "{"<br>".join(topics)}" --> {end}' for (start, end), topics in sorted(arrows.items())]
    shapes = ["    products([products])"]
    return "\n".join(["```mermaid", "flowchart LR", *shapes, *lines, "```"])


def between(text: str, name: str, part: str) -> str:
    """The text with what stands between the two marks of a name replaced."""
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}\n{part}\n{end}{after}"


def asyncapi() -> dict[str, Any]:
    channels, operations = {}, {}
    for event in events():
        about = contract(event)
        channels[event.topic] = {
            "address": event.topic,
            "description": about["meaning"],
            "messages": {
                event.__name__: {
                    "contentType": "application/json",
                    "payload": {"$ref": f"schemas/{event.topic}.json"},
                    "bindings": {"kafka": {"key": {"type": "string", "description": about["key"]}}},
                    "examples": [{"name": name, "payload": body} for name, body in about["examples"].items()],
                }
            },
            "bindings": {"kafka": {"partitions": about["partitions"]}},
        }
        operations[f"send-{event.topic}"] = {"action": "send", "channel": {"$ref": f"#/channels/{event.topic}"}}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Millrace", "version": "1", "description": "CloudEvents 1.0 on Kafka in binary mode."},
        "channels": channels,
        "operations": operations,
    }


if __name__ == "__main__":
    sys.exit(main())
