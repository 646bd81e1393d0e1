"""What callers and topics get, and what is kept: on real Postgres and S3, with models that do as they are told."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
from harness import SECRET, Running, eventually, make, running
from routings import LABELS, artifact_of, bare, configured, routed

from millrace.events import (
    Arm,
    Deployment,
    ErasureConfirmed,
    PredictionRequested,
    PredictionServed,
    SubjectErased,
)
from millrace.learn import Parameters, Prediction
from millrace.privacy import derived_key, pseudonym
from millrace.serving.app import build_app
from millrace.stack import Endpoints

WHERE = "Where is my parcel? Mail me at jo.doe@example.com"


class Model:
    pad_to: int | None = None

    def __init__(self, name: str) -> None:
        self.name = name

    def predict(self, texts: Sequence[str], batch: int = 32) -> list[Prediction]:
        return [Prediction(LABELS[1], [0.1, 0.8, 0.1], 0.8, 0.63, 0.2, len(text.split())) for text in texts]


class Engine:
    """Fails for arms that are named, holds those that are held."""

    def __init__(self) -> None:
        self.fails: set[Arm] = set()
        self.holds: dict[Arm, asyncio.Event] = {}
        self.texts: list[str] = []
        self.queues: dict[Arm, int] = {}

    loops: ClassVar[list[asyncio.Task[None]]] = []

    async def start(self) -> None: ...
    async def stop(self) -> None: ...

    async def load(self, folder: Path, parameters: Parameters) -> Model:
        return Model(folder.name)

    def waiting(self, arm: Arm) -> int:
        return self.queues.get(arm, 0)

    async def ask(self, model: Any, text: str, arm: Arm) -> Prediction:
        self.texts.append(text)
        if gate := self.holds.get(arm):
            await gate.wait()
        if arm in self.fails:
            raise RuntimeError("out of memory")
        answer: Prediction = model.predict([text])[0]
        return answer


@pytest.fixture
def engine() -> Engine:
    return Engine()


class Serving:
    def __init__(self, service: Running, one: Deployment, two: Deployment, client: Any) -> None:
        self.service, self.one, self.two, self.client = service, one, two, client
        self.routes = service.service.resources[0]

    async def route(self, **arms: Any) -> None:
        await self.service.tables.put(routed("parcels", arms.pop("revision", 2), self.one, **arms))
        await self.routes.settled()  # type: ignore[attr-defined]

    async def predict(self, status: int = 200, **body: Any) -> dict[str, Any]:
        answer = await self.client.post("/v1/workspaces/parcels/predict", json=body)
        assert answer.status_code == status, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    def named(self, unit: str) -> str:
        """What a unit is called behind serving."""
        return pseudonym(unit, derived_key(SECRET, "parcels"))

    async def served(self) -> list[PredictionServed]:
        return await self.service.emitted(PredictionServed)


@asynccontextmanager
async def serving(stack: Endpoints, engine: Engine, folder: Path, **more: Any) -> AsyncIterator[Serving]:
    spec = more.pop("spec", {})
    build = partial(build_app, engine=engine)
    async with running(stack, "serving", build, cache=folder / "cache", **more) as service:
        made = []
        for version in ("v1", "v2"):
            path = bare(folder, version)
            await service.service.blobs.upload(path, f"bare/{folder.name}/{version}")
            made.append(artifact_of(version, path, f"bare/{folder.name}/{version}"))
        await service.tables.put(configured("parcels", **spec), routed("parcels", 1, made[0]))
        async with service.http() as client:
            ready = Serving(service, made[0], made[1], client)
            await ready.route(revision=2)
            yield ready


async def test_an_answer_is_committed_masked_before_it_is_given(
    stack: Endpoints, engine: Engine, tmp_path: Path
) -> None:
    async with serving(stack, engine, tmp_path) as parcels:
        shown = await parcels.predict(text=WHERE, unit="c-1", request_id="q-1")
        (event,) = await parcels.served()
        assert shown == {
            "workspace": "parcels",
            "request_id": "q-1",
            "prediction_id": event.prediction_id,
            "version": "v1",
            "arm": "production",
            "label": "late",
            "probability": 0.8,
            "scores": dict(zip(LABELS, [0.1, 0.8, 0.1], strict=True)),
        }
        assert event.text == "Where is my parcel? Mail me at [EMAIL]"
        assert engine.texts == [event.text], "what is scored is masked too"
        assert (event.revision, event.unit, event.lane, event.tokens) == (2, parcels.named("c-1"), 0, 8)
        assert event.latency_ms > 0
        assert "jo.doe" not in str(await parcels.service.snapshot())


async def test_a_repeated_request_is_the_same_prediction(stack: Endpoints, engine: Engine, tmp_path: Path) -> None:
    async with serving(stack, engine, tmp_path) as parcels:
        twice = [await parcels.predict(text=WHERE, request_id="q-1") for _ in range(2)]
        at_once = await parcels.predict(inputs=[{"text": WHERE, "request_id": "q-1"}] * 3)
        assert len({one["prediction_id"] for one in [*twice, *at_once["predictions"]]}) == 1
        assert len({event.id for event in await parcels.served()}) == 1


async def test_several_texts_are_answered_in_order_with_ids_of_their_own(
    stack: Endpoints, engine: Engine, tmp_path: Path
) -> None:
    async with serving(stack, engine, tmp_path) as parcels:
        inputs = ["one", {"text": "two words", "request_id": "own"}, "three"]
        shown = await parcels.predict(inputs=inputs, request_id="q", unit="c-1")
        assert [one["request_id"] for one in shown["predictions"]] == ["q/0", "own", "q/2"]
        tokens = {event.request_id: event.tokens for event in await parcels.served()}
        assert tokens == {"q/0": 1, "own": 2, "q/2": 1}


async def test_a_canary_that_fails_is_counted_against_it_and_production_answers(
    stack: Endpoints, engine: Engine, tmp_path: Path
) -> None:
    async with serving(stack, engine, tmp_path) as parcels:
        await parcels.route(revision=3, canary=parcels.two, share=0.999)
        engine.fails = {"canary"}
        shown = await parcels.predict(text=WHERE, unit="c-1")
        assert (shown["version"], shown["arm"]) == ("v1", "production")
        failed, answered = await parcels.served()
        assert (failed.version, failed.arm, failed.error, failed.label) == ("v2", "canary", "RuntimeError", None)
        assert (answered.version, answered.error) == ("v1", None)
        assert failed.request_id == answered.request_id


async def test_a_production_that_fails_says_503_and_is_recorded(
    stack: Endpoints, engine: Engine, tmp_path: Path
) -> None:
    async with serving(stack, engine, tmp_path) as parcels:
        engine.fails = {"production"}
        shown = await parcels.predict(503, text=WHERE)
        assert shown["error"]["code"] == "answer_failed"
        assert [event.error for event in await parcels.served()] == ["RuntimeError"]


async def test_shadow_keeps_no_caller_waiting_and_what_it_drops_is_counted(
    stack: Endpoints, engine: Engine, tmp_path: Path
) -> None:
    async with serving(stack, engine, tmp_path, shadow_most=2) as parcels:
        await parcels.route(revision=3, shadow=parcels.two)
        gate = engine.holds["shadow"] = asyncio.Event()
        await parcels.predict(text="first", request_id="q-first")
        await asyncio.sleep(0.05)
        for number in range(6):
            await parcels.predict(text=WHERE, request_id=f"q-{number}")
        assert {event.arm for event in await parcels.served()} == {"production"}
        metrics = (await parcels.client.get("/metrics")).text
        assert 'millrace_serving_shadow_dropped_total{workspace="parcels"} 4.0' in metrics
        gate.set()

        async def three() -> bool:
            return sum(event.arm == "shadow" for event in await parcels.served()) == 3

        await eventually(three)
        shadow = [event for event in await parcels.served() if event.arm == "shadow"]
        assert {(event.version, event.revision) for event in shadow} == {("v2", 3)}
        assert {event.request_id for event in shadow} == {"q-first", "q-0", "q-1"}


async def test_best_effort_answers_without_waiting_for_the_commit(
    stack: Endpoints, engine: Engine, tmp_path: Path
) -> None:
    async with serving(stack, engine, tmp_path, spec={"record": "best-effort"}, commit_wait_ms=400) as parcels:
        loop = asyncio.get_running_loop()
        started = loop.time()
        await parcels.predict(text=WHERE)
        assert loop.time() - started < 0.3
        assert await parcels.served() == []
        await eventually(parcels.served)


async def test_requests_by_topic_are_answered_once_and_masked(stack: Endpoints, engine: Engine, tmp_path: Path) -> None:
    async with serving(stack, engine, tmp_path) as parcels:
        asked = [make(PredictionRequested, text=WHERE, request_id=f"q-{n}", unit=f"c-{n}") for n in range(90)]
        strange = make(PredictionRequested, workspace="parcels", text="  ")
        unknown = make(PredictionRequested, workspace="nobody", text=WHERE)
        await parcels.service.deliver([*asked, strange, unknown])
        assert "jo.doe" not in str({k: v for k, v in (await parcels.service.snapshot()).items() if k != "dead_letters"})
        await parcels.service.work()
        once = await parcels.served()
        assert {event.request_id for event in once} == {event.request_id for event in asked}
        assert all(event.cycle_id is None and "[EMAIL]" in event.text for event in once)
        await parcels.service.deliver([*asked, strange, unknown], again=True)
        await parcels.service.work()
        assert [event.id for event in await parcels.served()] == [event.id for event in once]
        blank, stranger = sorted(await parcels.service.dead_letters(), reverse=True)
        assert blank.startswith("text: expected 1 to 20000 characters")
        assert stranger.startswith("no workspace 'nobody': it is not in workspace.configured.v1")


async def test_shadow_begins_nothing_while_callers_of_production_wait(
    stack: Endpoints, engine: Engine, tmp_path: Path
) -> None:
    async with serving(stack, engine, tmp_path) as parcels:
        await parcels.route(revision=3, shadow=parcels.two)
        engine.queues["production"] = 3
        for number in range(5):
            await parcels.predict(text=WHERE, request_id=f"q-{number}")
        assert len(engine.texts) == 5
        engine.queues["production"] = 0

        async def shadowed() -> bool:
            return sum(event.arm == "shadow" for event in await parcels.served()) == 5

        await eventually(shadowed)


async def test_an_answer_that_took_longer_than_a_canary_is_given_says_so(
    stack: Endpoints, engine: Engine, tmp_path: Path
) -> None:
    async with serving(stack, engine, tmp_path, canary_within=0.05) as parcels:
        gate = engine.holds["production"] = asyncio.Event()
        asked = asyncio.create_task(parcels.predict(text=WHERE, request_id="q-slow"))
        await eventually(lambda: bool(engine.texts))
        await asyncio.sleep(0.06)
        gate.set()
        await asked
        await parcels.predict(text=WHERE, request_id="q-swift")
        assert {event.request_id: event.late for event in await parcels.served()} == {"q-slow": True, "q-swift": False}


async def test_requests_of_a_person_who_is_forgotten_wait_no_more(
    stack: Endpoints, engine: Engine, tmp_path: Path
) -> None:
    async with serving(stack, engine, tmp_path) as parcels:
        asked = [make(PredictionRequested, text=WHERE, request_id=f"q-{n}", unit=f"c-{n % 3}") for n in range(9)]
        await parcels.service.deliver(asked)
        await parcels.service.deliver([make(SubjectErased, erasure="e-1", subject=parcels.named("c-1"))])
        await parcels.service.work("erase")
        [confirmed] = await parcels.service.emitted(ErasureConfirmed)
        assert (confirmed.service, confirmed.erased) == ("serving", {"requests": 3})
        await parcels.service.work("answer")
        assert {event.unit for event in await parcels.served()} == {parcels.named("c-0"), parcels.named("c-2")}
        async with parcels.service.db.reading() as tx:  # the texts of what is answered are kept by feedback alone
            assert await tx.fetchval("SELECT payload FROM jobs WHERE kind = 'answer'") == "{}"


async def test_requests_by_topic_wait_for_a_first_version(stack: Endpoints, engine: Engine, tmp_path: Path) -> None:
    async with serving(stack, engine, tmp_path) as parcels:
        await parcels.service.tables.put(configured("young"), routed("young", 0, None))
        await parcels.service.deliver([make(PredictionRequested, workspace="young", text=WHERE, request_id="q-1")])
        await parcels.service.work()
        assert await parcels.served() == []
        await parcels.service.tables.put(routed("young", 1, parcels.one))
        await parcels.routes.settled()  # type: ignore[attr-defined]
        parcels.service.clock.advance(60)
        await parcels.service.work()
        assert [event.request_id for event in await parcels.served()] == ["q-1"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "one of text, features, entity and inputs"),
        ({"text": "a", "inputs": ["b"]}, "one of text, features, entity and inputs"),
        ({"text": " "}, "text: expected 1 to"),
        ({"text": "x" * 20_001}, "text: expected 1 to"),
        ({"text": "nul \x00"}, "NUL"),
        ({"inputs": ["a"] * 300}, "at most 256 texts"),
        ({"text": "a", "units": "c"}, "units"),
        ({"entity": "a"}, "which has no entities"),
        ({"features": {"a": 1}}, "which has none"),
        ({"text": 5}, "text"),
    ],
)
async def test_a_wrong_body_says_what_was_expected(
    stack: Endpoints, engine: Engine, tmp_path: Path, body: dict[str, Any], field: str
) -> None:
    async with serving(stack, engine, tmp_path) as parcels:
        shown = await parcels.predict(422, **body)
        assert field in str(shown["error"]), shown
        assert await parcels.served() == []


async def test_the_protocol_answers_in_its_own_form(stack: Endpoints, engine: Engine, tmp_path: Path) -> None:
    async with serving(stack, engine, tmp_path) as parcels:
        client = parcels.client
        assert (await client.get("/v2")).json()["name"] == "millrace-serving"
        assert (await client.get("/v2/health/live")).json() == {"live": True}
        assert (await client.get("/v2/health/ready")).json() == {"ready": True}
        about = (await client.get("/v2/models/parcels")).json()
        assert (about["versions"], about["parameters"]["labels"]) == (["v1"], LABELS)
        assert (await client.get("/v2/models/parcels/versions/v1/ready")).json() == {"name": "parcels", "ready": True}
        tensor = {"name": "text", "datatype": "BYTES", "shape": [2, 1], "data": [["where is it"], [WHERE]]}
        answer = (await client.post("/v2/models/parcels/infer", json={"id": "q-9", "inputs": [tensor]})).json()
        assert (answer["model_name"], answer["model_version"], answer["id"]) == ("parcels", "v1", "q-9")
        outputs = {output["name"]: output for output in answer["outputs"]}
        assert outputs["label"] == {"name": "label", "datatype": "BYTES", "shape": [2], "data": ["late", "late"]}
        assert outputs["probabilities"]["shape"] == [2, 3]
        served = {event.request_id: event.prediction_id for event in await parcels.served()}
        assert outputs["prediction_id"]["data"] == [served["q-9/0"], served["q-9/1"]]


async def test_the_protocol_tells_errors_in_its_own_form(stack: Endpoints, engine: Engine, tmp_path: Path) -> None:
    async with serving(stack, engine, tmp_path) as parcels:
        client, good = parcels.client, {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["a"]}
        for status, path, inputs in (
            (404, "parcels/versions/v9", [good]),
            (400, "parcels", [good | {"datatype": "FP32"}]),
            (400, "parcels", [good | {"shape": [2]}]),
            (400, "parcels", [good | {"data": [7]}]),
            (400, "parcels", []),
        ):
            answer = await client.post(f"/v2/models/{path}/infer", json={"inputs": inputs})
            assert answer.status_code == status, answer.text
            assert list(answer.json()) == ["error"]
            assert isinstance(answer.json()["error"], str)
        engine.fails = {"production"}
        assert (await client.post("/v2/models/parcels/infer", json={"inputs": [good]})).status_code == 503


async def test_a_version_named_by_hand_answers_and_is_no_evidence(
    stack: Endpoints, engine: Engine, tmp_path: Path
) -> None:
    async with serving(stack, engine, tmp_path) as parcels:
        await parcels.route(revision=3, canary=parcels.two)
        tensor = {"name": "text", "datatype": "BYTES", "shape": [1], "data": [WHERE]}
        answer = await parcels.client.post("/v2/models/parcels/versions/v2/infer", json={"inputs": [tensor]})
        assert (answer.status_code, answer.json()["model_version"]) == (200, "v2")
        assert await parcels.served() == []


async def test_unknown_and_not_ready_are_told_apart(stack: Endpoints, engine: Engine, tmp_path: Path) -> None:
    async with serving(stack, engine, tmp_path) as parcels:
        await parcels.service.tables.put(configured("young"), routed("young", 0, None))
        await parcels.routes.settled()  # type: ignore[attr-defined]
        young = await parcels.client.post("/v1/workspaces/young/predict", json={"text": "hello"})
        assert (young.status_code, young.json()["error"]["code"]) == (503, "not_ready")
        assert young.headers["retry-after"]
        for path, body in (
            ("/v1/workspaces/nobody/predict", {"text": "hello"}),
            (
                "/v2/models/nobody/infer",
                {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["a"]}]},
            ),
        ):
            assert (await parcels.client.post(path, json=body)).status_code == 404
        assert (await parcels.client.get("/v2/models/young/ready")).status_code == 503


async def test_an_artifact_with_a_pickle_is_never_loaded(stack: Endpoints, engine: Engine, tmp_path: Path) -> None:
    async with serving(stack, engine, tmp_path) as parcels:
        await parcels.service.service.blobs.put(f"{parcels.two.artifact}/pytorch_model.bin", b"\x80\x04")
        await parcels.route(revision=3, canary=parcels.two, share=0.999)
        shown = await parcels.predict(text=WHERE, unit="c-1")
        assert shown["version"] == "v1"
        assert not (tmp_path / "cache" / parcels.two.digest.replace(":", "-")).exists()


async def test_a_damaged_file_in_the_cache_is_fetched_again(stack: Endpoints, engine: Engine, tmp_path: Path) -> None:
    async with serving(stack, engine, tmp_path) as parcels:
        await parcels.route(revision=3, canary=parcels.two)
        kept = tmp_path / "cache" / parcels.two.digest.replace(":", "-") / "weights.safetensors"
        kept.write_bytes(b"bad")
        await parcels.route(revision=4)
        await parcels.route(revision=5, canary=parcels.two, share=0.999)
        assert kept.read_bytes() == b"none"
        assert (await parcels.predict(text=WHERE, unit="c-1"))["version"] == "v2"
