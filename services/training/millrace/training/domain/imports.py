"""A model that was made elsewhere: what a cycle by hand brings in instead of training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from millrace.chassis import Conflict, Unprocessable

IMPORTED = "imported"
"""Trains nothing: a model that was made elsewhere goes through the same gate."""


@dataclass(frozen=True, slots=True)
class Import:
    """`digest` is that of the files that were uploaded; `labels` name the model's outputs in their order."""

    digest: str
    source: str
    licence: str = ""
    labels: tuple[str, ...] = ()


class FormNotTaken(Unprocessable):
    def __init__(self, workspace: str, form: str, takes: Sequence[str]) -> None:
        known = ", ".join(takes) or "none"
        super().__init__(f"form: {workspace} takes models of {known}, not of {form!r}")
        self.workspace = workspace
        self.form = form


class LabelsDiffer(Unprocessable):
    def __init__(self, workspace: str, why: str) -> None:
        super().__init__(why)
        self.workspace = workspace


class ImportTooLarge(Unprocessable):
    def __init__(self, size: int, most_mb: int) -> None:
        super().__init__(f"files: {size / 1e6:,.1f} MB together, of which this Millrace takes {most_mb:,} MB at most")
        self.most_mb = most_mb


class NotUploaded(Conflict):
    """Where its files go is `prefix`, below which each has the name that it was told under."""

    def __init__(self, prefix: str, missing: int) -> None:
        super().__init__(f"{missing} of its files are not at {prefix} in S3 yet, or of another size")
        self.prefix = prefix


def missing(told: Mapping[str, int], there: Mapping[str, int]) -> list[str]:
    """Names of files that are not there, or not whole."""
    return [name for name, size in told.items() if there.get(name) != size]
