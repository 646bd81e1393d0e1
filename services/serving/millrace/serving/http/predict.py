"""POST /v1/workspaces/{name}/predict"""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, model_validator

from millrace.chassis import Malformed
from millrace.serving.answers import Answer, accept
from millrace.serving.predictor import Predictor
from millrace.serving.settings import Settings

Name = Annotated[str, Field(min_length=1, max_length=200)]


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str
    unit: Name | None = None
    request_id: Name | None = None


class Asked(BaseModel):
    """One ``text``, or ``inputs``: texts, or objects with a text and perhaps a unit and a request_id of their own."""

    model_config = ConfigDict(extra="forbid")
    text: str | None = None
    inputs: Annotated[list[str | Input], Field(min_length=1)] | None = None
    unit: Name | None = None
    request_id: Name | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "Asked":
        if (self.text is None) == (self.inputs is None):
            raise ValueError("either text or inputs is needed")
        return self

    def each(self) -> list[Input]:
        """Every input with its unit and request id; several texts of one request id are numbered."""
        if self.inputs is None:
            return [Input(text=self.text or "", unit=self.unit, request_id=self.request_id)]
        found = []
        for number, given in enumerate(self.inputs):
            one = Input(text=given) if isinstance(given, str) else given
            own = one.request_id or (f"{self.request_id}/{number}" if self.request_id else None)
            found.append(Input(text=one.text, unit=one.unit or self.unit, request_id=own))
        return found


def shown(answer: Answer) -> dict[str, Any]:
    served = answer.served
    return {
        "workspace": served.workspace,
        "request_id": served.request_id,
        "prediction_id": served.prediction_id,
        "version": served.version,
        "arm": served.arm,
        "label": served.label,
        "probability": served.probability,
        "scores": dict(zip(answer.labels, answer.probabilities, strict=True)),
    }


def router(predictor: Predictor, settings: Settings) -> APIRouter:
    secret = settings.secret.get_secret_value()
    routes = APIRouter()

    @routes.post("/v1/workspaces/{name}/predict")
    async def predict(name: str, asked: Asked) -> dict[str, Any]:
        workspace = await predictor.workspace(name)
        requests = [
            accept(
                workspace, one.text, request_id=one.request_id, unit=one.unit, max_text=settings.max_text, secret=secret
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
