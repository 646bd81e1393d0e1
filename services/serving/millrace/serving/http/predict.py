"""POST /v1/workspaces/{name}/predict"""

import json
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, model_validator

from millrace.chassis import Malformed
from millrace.serving.answers import Answer, accept
from millrace.serving.http.vectors import Vectors
from millrace.serving.predictor import Predictor
from millrace.serving.settings import Settings
from millrace.workspace import Workspace

Name = Annotated[str, Field(min_length=1, max_length=200)]


class Input(BaseModel):
    """A text, or where the workspace has features an object of them, or an entity of which they are looked up."""

    model_config = ConfigDict(extra="forbid")
    text: str | None = None
    features: dict[str, Any] | None = None
    entity: Name | None = None
    unit: Name | None = None
    request_id: Name | None = None

    @model_validator(mode="after")
    def _one(self) -> "Input":
        if sum(one is not None for one in (self.text, self.features, self.entity)) != 1:
            raise ValueError("one of text, features and entity is needed")
        return self

    async def said(self, workspace: Workspace, vectors: Vectors) -> str:
        """What a version is asked. Raises Malformed."""
        if self.entity is not None:
            return await vectors.text(workspace, self.entity)
        if self.features is None:
            return self.text or ""
        if not workspace.features:
            raise Malformed("features", f"a text: {workspace.workspace} is of task {workspace.task}, which has none")
        return json.dumps(self.features)


class Asked(BaseModel):
    """One ``text`` (or ``features``, or ``entity``), or ``inputs``: texts, or objects with one of these and perhaps a
    unit and a request_id of their own."""

    model_config = ConfigDict(extra="forbid")
    text: str | None = None
    features: dict[str, Any] | None = None
    entity: Name | None = None
    inputs: Annotated[list[str | Input], Field(min_length=1)] | None = None
    unit: Name | None = None
    request_id: Name | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "Asked":
        if sum(one is not None for one in (self.text, self.features, self.entity, self.inputs)) != 1:
            raise ValueError("one of text, features, entity and inputs is needed")
        return self

    def each(self) -> list[Input]:
        """Every input with its unit and request id; several texts of one request id are numbered."""
        if self.inputs is None:
            told = {"text": self.text, "features": self.features, "entity": self.entity}
            return [Input(**told, unit=self.unit, request_id=self.request_id)]
        found = []
        for number, given in enumerate(self.inputs):
            one = Input(text=given) if isinstance(given, str) else given
            own = one.request_id or (f"{self.request_id}/{number}" if self.request_id else None)
            found.append(one.model_copy(update={"unit": one.unit or self.unit, "request_id": own}))
        return found


def shown(answer: Answer) -> dict[str, Any]:
    served = answer.served
    return {
        "workspace": served.workspace,
        "request_id": served.request_id,
        "prediction_id": served.prediction_id,
        "version": served.version,
        "arm": served.arm,
        **_answered(answer),
    }


def _answered(answer: Answer) -> dict[str, Any]:
    served = answer.served
    if served.value is not None:
        return {"value": served.value}
    if not answer.labels:
        return {"answer": served.label, "probability": served.probability, "tokens": served.tokens}
    scores = dict(zip(answer.labels, answer.probabilities, strict=True))
    return {"label": served.label, "probability": served.probability, "scores": scores}


def router(predictor: Predictor, vectors: Vectors, settings: Settings) -> APIRouter:
    secret = settings.secret.get_secret_value()
    routes = APIRouter()

    @routes.post("/v1/workspaces/{name}/predict")
    async def predict(name: str, asked: Asked) -> dict[str, Any]:
        workspace = await predictor.workspace(name)
        requests = [
            accept(
                workspace,
                await one.said(workspace, vectors),
                request_id=one.request_id,
                unit=one.unit,
                max_text=settings.max_text,
                secret=secret,
            )
            for one in bounded(asked.each(), settings)
        ]
        answers = await predictor.predict(requests)
        return shown(answers[0]) if asked.inputs is None else {"predictions": [shown(answer) for answer in answers]}

    return routes


def bounded(inputs: list[Input], settings: Settings) -> list[Input]:
    if len(inputs) > settings.max_inputs:
        raise Malformed("inputs", f"at most {settings.max_inputs} texts")
    return inputs
