"""How a version is served, and what is watched of it."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator
from pydantic_core import PydanticCustomError

from millrace.workspace.quantities import Rate
from millrace.workspace.section import Section


class Monitor(Section):
    """`signals` gives each watched signal its detector; in the file they stand flat, beside the two numbers."""

    signals: dict[str, str]
    min_reference: Annotated[int, Field(ge=30)] = 300
    false_alarms: Rate = Fraction(1, 50000)

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, declared: Any) -> Any:
        if not isinstance(declared, Mapping) or "signals" in declared:
            return declared
        numbers = {key: value for key, value in declared.items() if key in ("min_reference", "false_alarms")}
        return {"signals": {key: value for key, value in declared.items() if key not in numbers}, **numbers}

    @model_serializer(mode="wrap")
    def _flat(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = handler(self)
        return {**written.pop("signals"), **written}

    @property
    def watched(self) -> dict[str, str]:
        """Detector by signal, without those that are `off`."""
        return {signal: detector for signal, detector in self.signals.items() if detector != "off"}


class Serve(Section):
    """Serving parameters that are part of a version, in tokens; `pad_to` null pads to the longest of a batch."""

    pad_to: Annotated[int, Field(ge=8, le=512)] | None = None
    max_length: Annotated[int, Field(ge=8, le=512)] = 256

    @model_validator(mode="after")
    def _fits(self) -> Serve:
        if self.pad_to is not None and self.pad_to > self.max_length:
            raise PydanticCustomError("pad_to", "pad_to at most max_length")
        return self
