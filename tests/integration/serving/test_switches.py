"""Two replicas on one database, real models, and a stream of requests that no switch may break."""

import asyncio
import base64
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from harness import SECRET, SIGNER, Bus, Running, eventually, live, make
from routings import LABELS, configured, routed

from millrace.chassis.signatures import Signer
from millrace.events import Deployment, PredictionRequested, PredictionServed, RouteApplied
from millrace.privacy import derived_key, pseudonym
from millrace.serving.app import build_app
from millrace.stack import Endpoints


@asynccontextmanager
async def two(stack: Endpoints, cache: Path, **more: Any) -> AsyncIterator[tuple[Running, Running]]:
    more = {"group_suffix": f"-{uuid4().hex[:8]}", "cache": cache, "heartbeat": 0.2, **more}
    async with live(stack, "serving", build_app, **more) as first:
        shared = first.service.settings.postgres
        async with live(stack, "serving", build_app, dsn=shared, **more) as second:
            yield first, second


class Customers:
    """Ask both replicas in turn until they are told to stop; every answer is kept."""

    def __init__(self, workspace: str, clients: list[httpx.AsyncClient]) -> None:
        self.answers: list[dict[str, Any]] = []
        self.failures: list[str] = []
        self._workspace, self._clients, self._going = workspace, clients, True

    async def ask(self, customer: int) -> None:
        number = 0
        while self._going:
            body = {
                "text": "my parcel is still not here",
                "unit": f"customer-{customer}",
                "request_id": f"{self._workspace}-{customer}-{number}",
            }
            client = self._clients[(customer + number) % len(self._clients)]
            response = await client.post(f"/v1/workspaces/{self._workspace}/predict", json=body)
            if response.status_code == 200:
                self.answers.append(response.json() | {"named": self._named(body["unit"])})
            else:
                self.failures.append(response.text)
            number += 1
            await asyncio.sleep(0.05)

    def _named(self, unit: str) -> str:
        """What a unit is called behind serving."""
        return pseudonym(unit, derived_key(SECRET, self._workspace))

    def have(self, answers: int) -> bool:
        return len(self.answers) > answers

    def stop(self) -> None:
        self._going = False


async def applied(bus: Bus, workspace: str, revision: int) -> RouteApplied:
    def there(found: list[RouteApplied]) -> bool:
        return any(one.workspace == workspace and one.revision == revision for one in found)

    found = await bus.read(RouteApplied, until=there)
    return next(one for one in found if one.workspace == workspace and one.revision == revision)


async def test_not_one_request_fails_from_shadow_over_canary_to_promotion_and_back(
    stack: Endpoints, bus: Bus, versions: dict[str, Deployment], tmp_path: Path
) -> None:
    name, one, other = f"w-{uuid4().hex[:6]}", versions["v1"], versions["v2"]
    await bus.publish(configured(name), routed(name, 1, one))
    steps = [
        routed(name, 2, one, shadow=other),
        routed(name, 3, one, canary=other, share=0.3),
        routed(name, 4, one, canary=other, share=0.6),
        routed(name, 5, other),
        routed(name, 6, one),
    ]
    async with two(stack, tmp_path) as (first, second), first.http() as a, second.http() as b:
        for replica in (a, b):
            await eventually(partial(ready, replica))
        customers = Customers(name, [a, b])
        asking = [asyncio.create_task(customers.ask(number)) for number in range(12)]
        for step in steps:
            await bus.publish(step)
            told = await applied(bus, name, step.route.revision)
            assert (told.ok, told.replicas, told.reason) == (True, 2, "")
            before = len(customers.answers)
            await eventually(partial(customers.have, before + 60))
        customers.stop()
        await asyncio.gather(*asking)
        assert customers.failures == []
        wanted = {answer["prediction_id"] for answer in customers.answers}
        assert len(wanted) == len(customers.answers)

        def all_there(found: list[PredictionServed]) -> bool:
            return wanted <= {event.prediction_id for event in found}

        events = [event for event in await bus.read(PredictionServed, until=all_there) if event.workspace == name]
    check_arms(customers.answers, events)


async def ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/readyz")).status_code == 200


def check_arms(answers: list[dict[str, Any]], events: list[PredictionServed]) -> None:
    canary = {answer["named"] for answer in answers if answer["arm"] == "canary"}
    assert canary, "the canary was asked"
    assert {answer["version"] for answer in answers if answer["arm"] == "canary"} == {"v2"}
    by_revision: dict[int, dict[str, set[str]]] = {}
    for event in events:
        if event.arm != "shadow":
            by_revision.setdefault(event.revision, {}).setdefault(event.unit or "", set()).add(event.arm)
    assert all(len(arms) == 1 for units in by_revision.values() for arms in units.values()), "arms are sticky"
    assert {unit for unit, arms in by_revision[3].items() if "canary" in arms} <= canary
    shadow = {event.request_id for event in events if event.arm == "shadow"}
    asked = {event.request_id for event in events if event.arm == "production" and event.revision == 2}
    assert shadow, "the shadow was asked"
    assert shadow <= asked, "shadow answers requests that production answered"
    assert Counter(event.id for event in events).most_common(1)[0][1] == 1
    for event in events:
        assert event.error is None
        assert event.label in LABELS
        assert event.probability is not None
        assert event.novelty is not None
        assert event.tokens > 3


async def test_a_version_that_can_not_be_loaded_fails_its_revision_and_callers_do_not_notice(
    stack: Endpoints, bus: Bus, versions: dict[str, Deployment], tmp_path: Path
) -> None:
    name, good = f"w-{uuid4().hex[:6]}", versions["v1"]
    forged = SIGNER.sign(versions["v2"].model_copy(update={"digest": "sha256:" + "0" * 64}))
    await bus.publish(configured(name), routed(name, 1, good))
    async with two(stack, tmp_path) as (first, second), first.http() as a, second.http() as b:
        for replica in (a, b):
            await eventually(partial(ready, replica))
        await bus.publish(routed(name, 2, good, canary=forged, share=0.9))
        told = await applied(bus, name, 2)
        assert not told.ok
        assert "its bytes are" in told.reason
        for replica in (a, b):
            answer = await replica.post(f"/v1/workspaces/{name}/predict", json={"text": "refund me please"})
            assert (answer.status_code, answer.json()["version"]) == (200, "v1")
            assert await ready(replica)
        events = await bus.read(RouteApplied, until=lambda found: len(found) >= 2)
        assert Counter((event.workspace, event.revision) for event in events)[name, 2] == 1


STRANGER = Signer(base64.b64encode(b"someone else's key, of 32 bytes.").decode())
NOT_TRUSTED: dict[str, tuple[Any, str]] = {
    "unsigned": (lambda made: made.model_copy(update={"signature": None}), "version v2 is not signed"),
    "a stranger's": (STRANGER.sign, f"is signed with key {STRANGER.key}, which is not trusted"),
    "changed since": (lambda made: made.model_copy(update={"parameters": {"max_length": 8}}), "changed after it was"),
}


@pytest.mark.parametrize("how", NOT_TRUSTED)
async def test_a_version_that_is_not_signed_as_it_should_be_fails_its_revision_with_the_reason(
    stack: Endpoints, bus: Bus, versions: dict[str, Deployment], tmp_path: Path, how: str
) -> None:
    name, (change, reason) = f"w-{uuid4().hex[:6]}", NOT_TRUSTED[how]
    more = {"group_suffix": f"-{uuid4().hex[:8]}", "cache": tmp_path, "heartbeat": 0.2}
    await bus.publish(configured(name), routed(name, 1, versions["v1"]))
    async with live(stack, "serving", build_app, **more) as serving, serving.http() as client:
        await eventually(partial(ready, client))
        await bus.publish(routed(name, 2, change(versions["v2"])))
        told = await applied(bus, name, 2)
        assert not told.ok and reason in told.reason
        answer = await client.post(f"/v1/workspaces/{name}/predict", json={"text": "refund me please"})
        assert (answer.status_code, answer.json()["version"]) == (200, "v1")


async def test_during_a_rotation_versions_of_both_keys_are_served(
    stack: Endpoints, bus: Bus, versions: dict[str, Deployment], tmp_path: Path
) -> None:
    name, keys = f"w-{uuid4().hex[:6]}", f"{STRANGER.public},{SIGNER.public}"
    more = {"group_suffix": f"-{uuid4().hex[:8]}", "cache": tmp_path, "heartbeat": 0.2, "trusted_keys": keys}
    await bus.publish(configured(name), routed(name, 1, versions["v1"]))
    async with live(stack, "serving", build_app, **more) as serving, serving.http() as client:
        await eventually(partial(ready, client))
        await bus.publish(routed(name, 2, STRANGER.sign(versions["v2"])))
        assert (await applied(bus, name, 2)).ok


async def test_requests_on_the_topic_are_answered_on_the_topic(
    stack: Endpoints, bus: Bus, versions: dict[str, Deployment], tmp_path: Path
) -> None:
    name = f"w-{uuid4().hex[:6]}"
    asked = [make(PredictionRequested, workspace=name, text="refund me please", unit=f"c-{n}") for n in range(40)]
    await bus.publish(configured(name), routed(name, 1, versions["v1"]))
    async with two(stack, tmp_path):
        await bus.publish(*asked)
        wanted = {str(event.id) for event in asked}
        events = await bus.read(
            PredictionServed, until=lambda found: wanted <= {event.request_id for event in found}, within=60
        )
    mine = [event for event in events if event.workspace == name]
    assert len({event.id for event in mine}) == len(mine) == 40
    assert {event.label for event in mine} == {"refund"}
    assert {event.envelope.cause_id for event in mine} == {event.id for event in asked}


async def test_a_replica_that_dies_blocks_a_revision_only_until_its_lease_ends(
    stack: Endpoints, bus: Bus, versions: dict[str, Deployment], tmp_path: Path
) -> None:
    name = f"w-{uuid4().hex[:6]}"
    await bus.publish(configured(name), routed(name, 1, versions["v1"]))
    more: dict[str, Any] = {"cache": tmp_path, "heartbeat": 0.2}
    async with live(stack, "serving", build_app, **more) as alone, alone.http() as client:
        await eventually(lambda: ready(client))
        async with alone.db.transaction() as tx:
            await tx.execute("INSERT INTO replicas VALUES ($1, clock_timestamp() + interval '3 seconds')", uuid4())
        started = asyncio.get_running_loop().time()
        await bus.publish(routed(name, 2, versions["v2"]))
        told = await applied(bus, name, 2)
        assert (told.ok, told.replicas) == (True, 1)
        assert asyncio.get_running_loop().time() - started > 1.5


@pytest.mark.parametrize("loop", ["shadow", "desk production", "desk canary", "desk shadow", "group commit", "replica"])
async def test_a_loop_of_serving_that_ends_makes_the_process_ill(stack: Endpoints, tmp_path: Path, loop: str) -> None:
    async with live(stack, "serving", build_app, cache=tmp_path) as alone, alone.http() as client:
        [running] = [task for task in asyncio.all_tasks() if task.get_name() == loop]
        running.cancel()

        async def ill() -> bool:
            answer = await client.get("/healthz")
            return answer.status_code == 503 and f"{loop} has ended" in answer.json()["problems"]

        await eventually(ill)


async def test_a_canary_too_slow_to_answer_has_failed_and_its_callers_are_answered_by_production(
    stack: Endpoints, bus: Bus, versions: dict[str, Deployment], tmp_path: Path
) -> None:
    name, good = f"w-{uuid4().hex[:6]}", versions["v1"]
    slow = SIGNER.sign(good.model_copy(update={"version": "v3", "parameters": {"pad_to": 512}}))
    await bus.publish(configured(name), routed(name, 1, good, canary=slow, share=0.999))
    more: dict[str, Any] = {"cache": tmp_path, "canary_within": 0.3}
    async with live(stack, "serving", build_app, **more) as alone, alone.http() as client:
        await eventually(partial(ready, client))
        bodies = [{"text": "my parcel is still not here", "unit": f"c-{number}"} for number in range(40)]
        asked = [client.post(f"/v1/workspaces/{name}/predict", json=body) for body in bodies]
        answers = await asyncio.gather(*asked)
        assert {answer.status_code for answer in answers} == {200}
        assert {answer.json()["arm"] for answer in answers} >= {"production"}
        late = [answer.json()["request_id"] for answer in answers if answer.json()["arm"] == "production"]
        events = await bus.read(
            PredictionServed, until=lambda found: sum(event.arm == "canary" for event in found) >= len(answers)
        )
        failed = {event.request_id: event.error for event in events if event.arm == "canary" and event.error}
        assert failed == dict.fromkeys(late, "the model did not answer within 0.3 s")
