"""The Open Inference Protocol v2 over REST: a workspace is a model.

Its input is BYTES "text", or where it has features a tensor of each by its name, or BYTES "entity" to look them up.
"""

from collections.abc import Callable, Coroutine
from importlib.metadata import version as installed
from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field

from millrace.chassis import Busy, Malformed, NotFound, Unavailable, Unprocessable
from millrace.pages.words import counted
from millrace.serving.answers import Answer, accept
from millrace.serving.http.predict import Input, Name, bounded
from millrace.serving.http.vectors import Vectors
from millrace.serving.predictor import NotReady, Predictor
from millrace.serving.routes import Routes
from millrace.serving.settings import Settings
from millrace.workspace import Workspace
from millrace.workspace.expected import expected


class ProtocolRoute(APIRoute):
    """Errors as the protocol has them: ``{"error": "what was wrong"}``."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                first = error.errors()[0]
                return _error(400, f"{'.'.join(map(str, first['loc'][1:])) or 'body'}: {expected(first)}")
            except NotFound as error:
                return _error(404, str(error))
            except Unprocessable as error:
                return _error(400, str(error))
            except Busy as error:
                return _error(429, str(error))
            except Unavailable as error:
                return _error(503, str(error))

        return handled


def _error(status: int, message: str) -> Response:
    headers = {"Retry-After": "1"} if status in {429, 503} else None
    return JSONResponse({"error": message}, status, headers)


Datatype = Literal[
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64", "BYTES"
]


class Tensor(BaseModel):
    name: Name
    datatype: Datatype
    shape: list[Annotated[int, Field(ge=0)]]
    data: list[Any]

    def flat(self) -> list[Any]:
        """The elements in row-major order, nested or flat. Raises Malformed."""
        flat = list(self.data)
        while flat and all(isinstance(one, list) for one in flat):
            flat = [inner for one in flat for inner in one]
        size = 1
        for length in self.shape:
            size *= length
        texts = self.datatype != "BYTES" or all(isinstance(one, str | None) for one in flat)
        if not flat or len(flat) != size or not texts:
            what = counted(size, "text" if self.datatype == "BYTES" else "element")
            raise Malformed(f"inputs.{self.name}.data", f"{what}, as its shape says, and at least one")
        return flat

    def texts(self) -> list[str]:
        """Raises Malformed."""
        flat = self.flat()
        if self.datatype != "BYTES" or not all(isinstance(one, str) for one in flat):
            raise Malformed(f"inputs.{self.name}.datatype", "BYTES, each element a text")
        return flat


class Parameters(BaseModel):
    unit: Name | None = None


class Infer(BaseModel):
    id: Name | None = None
    inputs: Annotated[list[Tensor], Field(min_length=1, max_length=1000)]
    parameters: Parameters = Parameters()


def router(predictor: Predictor, routes: Routes, vectors: Vectors, settings: Settings) -> APIRouter:
    secret = settings.secret.get_secret_value()
    protocol = APIRouter(prefix="/v2", route_class=ProtocolRoute)

    @protocol.get("")
    async def server() -> dict[str, Any]:
        return {"name": "millrace-serving", "version": installed("millrace-serving"), "extensions": []}

    @protocol.get("/health/live")
    async def live() -> dict[str, bool]:
        return {"live": True}

    @protocol.get("/health/ready")
    async def ready(response: Response) -> dict[str, bool]:
        waiting = routes.ready() is not None
        response.status_code = 503 if waiting else 200
        return {"ready": not waiting}

    @protocol.get("/models/{name}")
    @protocol.get("/models/{name}/versions/{version}")
    async def model(name: str, version: str | None = None) -> dict[str, Any]:
        served = await predictor.live(name)
        loaded = served.versions["production"] if version is None else predictor.version(served, name, version)
        workspace = await predictor.workspace(name)
        return {
            "name": name,
            "versions": list(dict.fromkeys(one.version for one in served.versions.values())),
            "platform": "millrace",
            "inputs": _takes(workspace),
            "outputs": _gives(workspace, loaded.labels),
            "parameters": {"labels": list(loaded.labels), "version": loaded.version},
        }

    @protocol.get("/models/{name}/ready")
    @protocol.get("/models/{name}/versions/{version}/ready")
    async def model_ready(name: str, response: Response, version: str | None = None) -> dict[str, Any]:
        try:
            served = await predictor.live(name)
            if version is not None:
                predictor.version(served, name, version)
        except NotReady:
            response.status_code = 503
            return {"name": name, "ready": False}
        return {"name": name, "ready": True}

    @protocol.post("/models/{name}/infer")
    @protocol.post("/models/{name}/versions/{version}/infer")
    async def infer(name: str, asked: Infer, version: str | None = None) -> dict[str, Any]:
        workspace = await predictor.workspace(name)
        call = asked.id or str(uuid4())
        requests = [
            # One call is one arm: its answer is one tensor over one list of labels.
            accept(
                workspace,
                await one.said(workspace, vectors),
                request_id=one.request_id,
                unit=one.unit,
                key=call,
                max_text=settings.max_text,
                secret=secret,
            )
            for one in bounded(_inputs(workspace, asked), settings)
        ]
        if version is None:
            return _response(asked.id, await predictor.predict(requests))
        return _response(asked.id, await predictor.by_version(name, version, requests))

    return protocol


def _takes(workspace: Workspace) -> list[dict[str, Any]]:
    features = workspace.features.items()
    columns = [(name, "FP64" if one.category is None else "BYTES") for name, one in features] or [("text", "BYTES")]
    return [{"name": name, "datatype": datatype, "shape": [-1]} for name, datatype in columns]


def _gives(workspace: Workspace, labels: tuple[str, ...]) -> list[dict[str, Any]]:
    one, each = [-1], [-1, len(labels)]
    answers = [("answer", "BYTES", one), ("probability", "FP64", one)]
    if labels:
        answers = [("label", "BYTES", one), ("probability", "FP64", one), ("probabilities", "FP64", each)]
    elif not workspace.meaning.answers:
        answers = [("value", "FP64", one)]
    told = [*answers, ("prediction_id", "BYTES", one)]
    return [{"name": name, "datatype": datatype, "shape": shape} for name, datatype, shape in told]


def _inputs(workspace: Workspace, asked: Infer) -> list[Input]:
    """Raises Malformed."""
    rows = _rows(workspace, asked.inputs)
    ids = [asked.id] if len(rows) == 1 else [asked.id and f"{asked.id}/{number}" for number in range(len(rows))]
    unit = asked.parameters.unit
    return [Input(**row, unit=unit, request_id=own) for row, own in zip(rows, ids, strict=True)]


def _rows(workspace: Workspace, tensors: list[Tensor]) -> list[dict[str, Any]]:
    names = [tensor.name for tensor in tensors]
    if not workspace.features:
        if names != ["text"]:
            raise Malformed("inputs", 'one tensor, "text"')
        return [{"text": text} for text in tensors[0].texts()]
    if names == ["entity"]:
        return [{"entity": entity} for entity in tensors[0].texts()]
    if len(set(names)) != len(names):
        raise Malformed("inputs", f"each feature once, not {', '.join(names)}")
    for tensor in tensors:
        feature = workspace.features.get(tensor.name)
        if feature is not None and (feature.category is not None) != (tensor.datatype == "BYTES"):
            expected = "BYTES, a category" if feature.category is not None else "a number's, such as FP64"
            raise Malformed(f"inputs.{tensor.name}.datatype", f"{expected}, not {tensor.datatype}")
    columns = [tensor.flat() for tensor in tensors]
    for tensor, column in zip(tensors, columns, strict=True):
        if len(column) != len(columns[0]):
            expected = f"{counted(len(columns[0]), 'element')} as {names[0]} has"
            raise Malformed(f"inputs.{tensor.name}.shape", expected)
    return [{"features": dict(zip(names, row, strict=True))} for row in zip(*columns, strict=True)]


def _response(request_id: str | None, answers: list[Answer]) -> dict[str, Any]:
    """``probabilities`` is left out where a canary failed at some texts and production has other labels."""
    rows, served, labels = len(answers), [answer.served for answer in answers], answers[0].labels
    outputs = [
        _output("label" if labels else "answer", "BYTES", [rows], [one.label for one in served]),
        _output("probability", "FP64", [rows], [one.probability for one in served]),
    ]
    if served[0].value is not None:
        outputs = [_output("value", "FP64", [rows], [one.value for one in served])]
    outputs.append(_output("prediction_id", "BYTES", [rows], [one.prediction_id for one in served]))
    if labels and all(answer.labels == labels for answer in answers):
        probabilities = [value for answer in answers for value in answer.probabilities]
        outputs.append(_output("probabilities", "FP64", [rows, len(labels)], probabilities))
    return {
        "model_name": served[0].workspace,
        "model_version": served[0].version,
        "id": request_id or served[0].request_id,
        "parameters": {"arm": served[0].arm, "labels": list(labels)},
        "outputs": outputs,
    }


def _output(name: str, datatype: str, shape: list[int], data: list[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}
