"""The Open Inference Protocol v2 over REST: a workspace is a model, its input is BYTES "text"."""

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
from millrace.serving.answers import Answer, accept
from millrace.serving.http.predict import Input, Name, bounded
from millrace.serving.predictor import NotReady, Predictor
from millrace.serving.routes import Routes
from millrace.serving.settings import Settings
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


class Tensor(BaseModel):
    name: Literal["text"]
    datatype: Literal["BYTES"]
    shape: list[Annotated[int, Field(ge=0)]]
    data: list[Any]

    def texts(self) -> list[str]:
        """The elements in row-major order, nested or flat. Raises Malformed."""
        flat = list(self.data)
        while flat and all(isinstance(one, list) for one in flat):
            flat = [inner for one in flat for inner in one]
        size = 1
        for length in self.shape:
            size *= length
        if not flat or len(flat) != size or not all(isinstance(one, str) for one in flat):
            raise Malformed("inputs.data", f"{size} texts, as its shape says, and at least one")
        return flat


class Parameters(BaseModel):
    unit: Name | None = None


class Infer(BaseModel):
    id: Name | None = None
    inputs: Annotated[list[Tensor], Field(min_length=1, max_length=1)]
    parameters: Parameters = Parameters()


def router(predictor: Predictor, routes: Routes, settings: Settings) -> APIRouter:
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
        one, each = [-1], [-1, len(loaded.labels)]
        return {
            "name": name,
            "versions": list(dict.fromkeys(one.version for one in served.versions.values())),
            "platform": "millrace",
            "inputs": [{"name": "text", "datatype": "BYTES", "shape": one}],
            "outputs": [
                {"name": "label", "datatype": "BYTES", "shape": one},
                {"name": "probability", "datatype": "FP64", "shape": one},
                {"name": "probabilities", "datatype": "FP64", "shape": each},
                {"name": "prediction_id", "datatype": "BYTES", "shape": one},
            ],
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
                one.text,
                request_id=one.request_id,
                unit=one.unit,
                key=call,
                max_text=settings.max_text,
                secret=secret,
            )
            for one in bounded(_inputs(asked), settings)
        ]
        if version is None:
            return _response(asked.id, await predictor.predict(requests))
        return _response(asked.id, await predictor.by_version(name, version, requests))

    return protocol


def _inputs(asked: Infer) -> list[Input]:
    texts = asked.inputs[0].texts()
    ids = [asked.id] if len(texts) == 1 else [asked.id and f"{asked.id}/{number}" for number in range(len(texts))]
    return [Input(text=text, unit=asked.parameters.unit, request_id=own) for text, own in zip(texts, ids, strict=True)]


def _response(request_id: str | None, answers: list[Answer]) -> dict[str, Any]:
    """``probabilities`` is left out where a canary failed at some texts and production has other labels."""
    rows, served, labels = len(answers), [answer.served for answer in answers], answers[0].labels
    outputs = [
        _output("label", "BYTES", [rows], [one.label for one in served]),
        _output("probability", "FP64", [rows], [one.probability for one in served]),
        _output("prediction_id", "BYTES", [rows], [one.prediction_id for one in served]),
    ]
    if all(answer.labels == labels for answer in answers):
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
